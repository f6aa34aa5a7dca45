//! Cgroups of a container: limits, counters, and "kill all of it", on version 2, version 1 or both.
//!
//! A container gets a leaf only when it asks for a limit: its pid namespace already ends everything at once, and moving a
//! process between version 1 groups waits for a grace period of the kernel.

use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to limit. Empty fields are not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes of memory and swap together; `u64::MAX` is unlimited.
    pub memory_and_swap: Option<u64>,
    /// Number of tasks.
    pub pids: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// Relative weight, Docker's `--cpu-shares`: 1024 is usual.
    pub cpu_shares: Option<u64>,
    /// `0-3,5`.
    pub cpus: Option<String>,
}

/// A leaf to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupPlan {
    /// Name of the leaf, unique on the machine: the container's id.
    pub name: String,
    pub limits: Limits,
}

/// Why limits cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// No hierarchy has the controller that a limit needs.
    #[error("cannot limit {what}: this machine has no `{controller}` cgroup controller")]
    NoController {
        what: &'static str,
        controller: &'static str,
    },
    /// The name would leave the folder.
    #[error("`{0}` is not a name for a cgroup")]
    Name(String),
    /// The folder or one of its files cannot be made or written.
    #[error("cannot limit the container: {}: {source}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Whether version 2 is the only hierarchy here.
pub fn is_unified() -> bool {
    const CGROUP2_SUPER_MAGIC: rustix::fs::FsWord = 0x6367_7270;
    rustix::fs::statfs("/sys/fs/cgroup").is_ok_and(|stat| stat.f_type == CGROUP2_SUPER_MAGIC)
}

/// A container's own groups. Dropping it kills what is inside and removes them.
#[derive(Debug)]
pub struct Leaf {
    unified: Option<(PathBuf, OwnedFd)>,
    legacy: Vec<(Controller, PathBuf)>,
    procs: Vec<OwnedFd>,
    memory: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controller {
    Memory,
    Pids,
    Cpu,
    Cpuset,
}

impl Controller {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Cpuset => "cpuset",
        }
    }
}

impl Leaf {
    /// Makes the groups and writes the limits.
    pub fn create(plan: &CgroupPlan) -> Result<Self, CgroupError> {
        let name = &plan.name;
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(CgroupError::Name(name.clone()));
        }
        let host = Host::read();
        let mut leaf = Self {
            unified: None,
            legacy: Vec::new(),
            procs: Vec::new(),
            memory: None,
        };
        let wanted = wanted(&plan.limits);
        let mut on_v2 = Vec::new();
        for (controller, what) in wanted {
            match host.legacy(controller) {
                Some(parent) => {
                    let path = parent.join(format!("cooperage-{name}"));
                    leaf.add_legacy(controller, path, &plan.limits)?;
                }
                None if host.unified_has(controller) => on_v2.push(controller),
                None => {
                    return Err(CgroupError::NoController {
                        what,
                        controller: controller.name(),
                    });
                }
            }
        }
        if let Some(parent) = host.unified {
            // Also without controllers: it can kill and freeze all members at once.
            let path = parent.join(format!("cooperage-{name}"));
            match leaf.add_unified(&parent, path, &on_v2, &plan.limits) {
                Err(error) if !on_v2.is_empty() => return Err(error),
                // Killing through the pid namespace works without it.
                _ => {}
            }
        }
        Ok(leaf)
    }

    fn add_legacy(
        &mut self,
        controller: Controller,
        path: PathBuf,
        limits: &Limits,
    ) -> Result<(), CgroupError> {
        make(&path)?;
        self.legacy.push((controller, path.clone()));
        match controller {
            Controller::Memory => {
                self.memory = Some(path.clone());
                write_some(&path, "memory.limit_in_bytes", limits.memory)?;
                match limits
                    .memory_and_swap
                    .or(limits.memory.map(|memory| memory.saturating_mul(2)))
                {
                    Some(u64::MAX) | None => {}
                    // Absent where the kernel does not count swap.
                    Some(both) if path.join("memory.memsw.limit_in_bytes").exists() => {
                        write(&path, "memory.memsw.limit_in_bytes", &both.to_string())?;
                    }
                    Some(_) => {}
                }
            }
            Controller::Pids => write_some(&path, "pids.max", limits.pids)?,
            Controller::Cpu => {
                write_some(&path, "cpu.shares", limits.cpu_shares)?;
                if let Some(millis) = limits.cpu_millis {
                    write(&path, "cpu.cfs_period_us", "100000")?;
                    write(&path, "cpu.cfs_quota_us", &(millis * 100).to_string())?;
                }
            }
            Controller::Cpuset => {
                // A new group has neither, and nothing can join it before it has both.
                let mems = path
                    .parent()
                    .and_then(|parent| fs::read_to_string(parent.join("cpuset.mems")).ok());
                write(&path, "cpuset.mems", mems.as_deref().unwrap_or("0").trim())?;
                if let Some(cpus) = &limits.cpus {
                    write(&path, "cpuset.cpus", cpus)?;
                }
            }
        }
        let procs = path.join("cgroup.procs");
        let file = fs::File::options().write(true).open(&procs);
        self.procs.push(
            file.map_err(|source| CgroupError::Io {
                path: procs,
                source,
            })?
            .into(),
        );
        Ok(())
    }

    fn add_unified(
        &mut self,
        parent: &Path,
        path: PathBuf,
        controllers: &[Controller],
        limits: &Limits,
    ) -> Result<(), CgroupError> {
        if !controllers.is_empty() {
            let list: Vec<_> = controllers
                .iter()
                .map(|controller| format!("+{}", controller.name()))
                .collect();
            // Fails in a group with processes of its own; the limit's own file then tells.
            let _ = write(parent, "cgroup.subtree_control", &list.join(" "));
        }
        make(&path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle =
            rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| CgroupError::Io {
                path: path.clone(),
                source: errno.into(),
            })?;
        self.unified = Some((path.clone(), handle));
        for controller in controllers {
            match controller {
                Controller::Memory => {
                    self.memory = Some(path.clone());
                    write_some(&path, "memory.max", limits.memory)?;
                    if let (Some(memory), both) = (limits.memory, limits.memory_and_swap) {
                        let both = both.unwrap_or(memory.saturating_mul(2));
                        let swap = if both == u64::MAX {
                            "max".into()
                        } else {
                            both.saturating_sub(memory).to_string()
                        };
                        if path.join("memory.swap.max").exists() {
                            write(&path, "memory.swap.max", &swap)?;
                        }
                    }
                }
                Controller::Pids => write_some(&path, "pids.max", limits.pids)?,
                Controller::Cpu => {
                    // The usual translation of 2..262144 to 1..10000.
                    let weight = limits
                        .cpu_shares
                        .map(|shares| 1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142);
                    write_some(&path, "cpu.weight", weight)?;
                    if let Some(millis) = limits.cpu_millis {
                        write(&path, "cpu.max", &format!("{} 100000", millis * 100))?;
                    }
                }
                Controller::Cpuset => {
                    if let Some(cpus) = &limits.cpus {
                        write(&path, "cpuset.cpus", cpus)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The v2 folder to be born in.
    pub(crate) fn unified(&self) -> Option<BorrowedFd<'_>> {
        self.unified.as_ref().map(|(_, handle)| handle.as_fd())
    }

    /// Open `cgroup.procs` files to write "0" to.
    pub(crate) fn legacy(&self) -> &[OwnedFd] {
        &self.procs
    }

    /// Kills every member, forks included, where the kernel offers it (5.14, version 2).
    pub fn kill(&self) {
        if let Some((path, _)) = &self.unified {
            let _ = fs::write(path.join("cgroup.kill"), "1");
        }
    }

    /// Stops every member, or lets them go on.
    pub fn freeze(&self, frozen: bool) -> io::Result<()> {
        match &self.unified {
            Some((path, _)) => {
                fs::write(path.join("cgroup.freeze"), if frozen { "1" } else { "0" })
            }
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Processes killed because the memory limit was reached.
    pub fn oom_kills(&self) -> u64 {
        let Some(path) = &self.memory else { return 0 };
        let read = |file| fs::read_to_string(path.join(file)).ok();
        let text = read("memory.oom_control")
            .or_else(|| read("memory.events"))
            .unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Highest use of memory so far, bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        let path = self.memory.as_ref()?;
        let read = |file| fs::read_to_string(path.join(file)).ok();
        read("memory.max_usage_in_bytes")
            .or_else(|| read("memory.peak"))?
            .trim()
            .parse()
            .ok()
    }

    /// Memory in use now, bytes.
    pub fn memory(&self) -> Option<u64> {
        let path = self.memory.as_ref()?;
        let read = |file| fs::read_to_string(path.join(file)).ok();
        read("memory.usage_in_bytes")
            .or_else(|| read("memory.current"))?
            .trim()
            .parse()
            .ok()
    }

    fn remove(&self) {
        for path in self
            .legacy
            .iter()
            .map(|(_, path)| path)
            .chain(self.unified.iter().map(|(path, _)| path))
        {
            // Members that were killed a moment ago may still be leaving.
            for _ in 0..200 {
                match fs::remove_dir(path) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.kill();
        self.remove();
    }
}

fn wanted(limits: &Limits) -> Vec<(Controller, &'static str)> {
    let mut wanted = Vec::new();
    if limits.memory.is_some() {
        wanted.push((Controller::Memory, "memory"));
    }
    if limits.pids.is_some() {
        wanted.push((Controller::Pids, "the number of processes"));
    }
    if limits.cpu_millis.is_some() || limits.cpu_shares.is_some() {
        wanted.push((Controller::Cpu, "processor time"));
    }
    if limits.cpus.is_some() {
        wanted.push((Controller::Cpuset, "the processors"));
    }
    wanted
}

fn make(path: &Path) -> Result<(), CgroupError> {
    match fs::create_dir(path) {
        // Left by a process that was killed: empty, or making it ours fails at the first join.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|source| CgroupError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn write(folder: &Path, file: &str, value: &str) -> Result<(), CgroupError> {
    let path = folder.join(file);
    fs::write(&path, value).map_err(|source| CgroupError::Io { path, source })
}

fn write_some(folder: &Path, file: &str, value: Option<u64>) -> Result<(), CgroupError> {
    value.map_or(Ok(()), |value| write(folder, file, &value.to_string()))
}

/// This process's place in the hierarchies.
#[derive(Debug, Default, PartialEq, Eq)]
struct Host {
    /// Controllers and the folder of this process, version 1.
    legacy: Vec<(String, PathBuf)>,
    unified: Option<PathBuf>,
}

impl Host {
    fn read() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
    }

    fn legacy(&self, controller: Controller) -> Option<&Path> {
        self.legacy
            .iter()
            .find(|(name, _)| name == controller.name())
            .map(|(_, path)| path.as_path())
    }

    fn unified_has(&self, controller: Controller) -> bool {
        self.unified.as_ref().is_some_and(|path| {
            fs::read_to_string(path.join("cgroup.controllers")).is_ok_and(|list| {
                list.split_whitespace()
                    .any(|name| name == controller.name())
            })
        })
    }

    /// **Source:** `cgroups(7)`, `proc_pid_mountinfo(5)`.
    fn parse(membership: &str, mounts: &str) -> Self {
        let mut host = Self::default();
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(group)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            for mount in mounts.lines().filter_map(CgroupMount::parse) {
                let folder = || {
                    // A mount may show only a part of the hierarchy.
                    let below = Path::new(group)
                        .strip_prefix(mount.root)
                        .unwrap_or(Path::new(""));
                    Path::new(mount.place).join(below)
                };
                if controllers.is_empty() && mount.kind == "cgroup2" {
                    host.unified.get_or_insert_with(folder);
                } else if mount.kind == "cgroup" {
                    for controller in controllers
                        .split(',')
                        .filter(|name| mount.options.split(',').any(|o| o == *name))
                    {
                        if !host.legacy.iter().any(|(known, _)| known == controller) {
                            host.legacy.push((controller.to_owned(), folder()));
                        }
                    }
                }
            }
        }
        host
    }
}

struct CgroupMount<'a> {
    kind: &'a str,
    root: &'a str,
    place: &'a str,
    options: &'a str,
}

impl<'a> CgroupMount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ');
        let root = left.nth(3)?;
        let place = left.next()?;
        let mut right = right.split(' ');
        let kind = right.next().filter(|kind| kind.starts_with("cgroup"))?;
        let options = right.nth(1)?;
        Some(Self {
            kind,
            root,
            place,
            options,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_of_both_versions() {
        let membership = "5:memory:/a/b\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/user\n";
        let mounts = "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n\
                      31 30 0:27 /a /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let host = Host::parse(membership, mounts);
        assert_eq!(
            host.legacy(Controller::Memory),
            Some(Path::new("/sys/fs/cgroup/memory/b"))
        );
        assert_eq!(
            host.legacy(Controller::Cpu),
            Some(Path::new("/sys/fs/cgroup/cpu,cpuacct"))
        );
        assert_eq!(host.legacy(Controller::Pids), None);
        assert_eq!(
            host.unified.as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified/user"))
        );
    }

    #[test]
    fn nothing_mounted() {
        assert_eq!(Host::parse("0::/\n", ""), Host::default());
    }
}
