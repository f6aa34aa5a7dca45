//! What the container's first process will do, step by step, as plain data.
//!
//! Computed from a [`Spec`] by the caller, which may have threads, and handed to `__init` in a memfd.

use super::seccomp::{self, Instruction, SeccompError};
use super::{Bind, BindSource, RootFs};
use crate::sys::credentials::CapabilitySets;
use bstr::BString;
use oci_spec::runtime::{Capability, LinuxNamespaceType, Mount, PosixRlimitType, Spec};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Everything `__init` needs, in the order it is used.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// `CLONE_NEW*`, without the cgroup namespace.
    pub(crate) namespaces: u64,
    pub(crate) new_network: bool,
    pub(crate) cgroup: CgroupEntry,
    pub(crate) root: RootPlan,
    pub(crate) mounts: Vec<MountPlan>,
    pub(crate) devices: Vec<DevicePlan>,
    /// Bind the host's device nodes in place of making some.
    pub(crate) bind_devices: bool,
    pub(crate) hostname: Option<BString>,
    pub(crate) domainname: Option<BString>,
    /// Path below `/proc/sys` and value.
    pub(crate) sysctl: Vec<(BString, BString)>,
    pub(crate) masked: Vec<BString>,
    pub(crate) read_only: Vec<BString>,
    pub(crate) root_read_only: bool,
    pub(crate) rlimits: Vec<Rlimit>,
    pub(crate) oom_score_adj: Option<i32>,
    /// Rows and columns; 0 leaves the size alone.
    pub(crate) pty: Option<(u16, u16)>,
    /// Bit n: descriptor n was made for the container and is given to its user.
    pub(crate) own_stdio: u8,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// `None` where `setgroups` is denied (single-id mapping).
    pub(crate) groups: Option<Vec<u32>>,
    pub(crate) umask: u32,
    pub(crate) bounding: u64,
    pub(crate) capabilities: CapabilitySets,
    pub(crate) ambient: u64,
    pub(crate) no_new_privileges: bool,
    pub(crate) seccomp: Option<Vec<Instruction>>,
    pub(crate) cwd: BString,
    pub(crate) argv: Vec<BString>,
    pub(crate) env: Vec<BString>,
}

/// How the first process enters its cgroups. Descriptors follow the plan in this order.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CgroupEntry {
    /// A v2 folder to be born in.
    pub(crate) unified: bool,
    /// `cgroup.procs` files of v1 folders to write to.
    pub(crate) legacy: usize,
    /// A cgroup namespace rooted there.
    pub(crate) namespace: bool,
}

/// The file system that becomes `/`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RootPlan {
    Overlay {
        lower: Vec<BString>,
        upper: BString,
        work: BString,
        volatile: bool,
        user_xattr: bool,
    },
    Dir(BString),
}

/// One mount.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MountPlan {
    pub(crate) target: BString,
    pub(crate) source: MountSource,
    /// `MOUNT_ATTR_*`.
    pub(crate) attributes: u64,
    /// A failure to mount is a warning.
    pub(crate) optional: bool,
    /// The target may not be, or lead through, a symbolic link.
    pub(crate) plain_target: bool,
}

/// What is mounted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum MountSource {
    Fs {
        kind: BString,
        options: Vec<(BString, Option<BString>)>,
    },
    Path {
        path: BString,
        recursive: bool,
    },
    /// The next of the descriptors behind the cgroup ones.
    Fd {
        recursive: bool,
    },
    File {
        content: BString,
        mode: u32,
        uid: u32,
        gid: u32,
    },
}

/// A node below `/dev`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DevicePlan {
    /// Relative to `/dev`.
    pub(crate) name: BString,
    /// `S_IFCHR` or `S_IFBLK`, and permissions.
    pub(crate) mode: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// `setrlimit`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Rlimit {
    pub(crate) resource: u32,
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// Why a spec cannot be turned into a plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A part of the spec that is needed is absent.
    #[error("the container's spec has no {0}")]
    Missing(&'static str),
    /// Mounting there would hide what the container is confined by.
    #[error("cannot mount over `{0}`: it belongs to the container itself")]
    Target(String),
    /// A mount of the spec without type or source.
    #[error("mount of `{target}`: {problem}")]
    Mount {
        target: String,
        problem: &'static str,
    },
    /// A namespace is to be joined by path.
    #[error("joining the namespace `{0}` is not supported")]
    JoinNamespace(String),
    /// The name has a slash or is empty.
    #[error("device `{0}` is not below /dev")]
    Device(String),
    /// See [`SeccompError`].
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
}

/// What decides besides the spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// Inside a user namespace.
    pub(crate) rootless: bool,
    /// Groups and gid 5 are mapped.
    pub(crate) many_ids: bool,
    /// The container gets cgroups of its own.
    pub(crate) cgroup: CgroupEntry,
    /// Cgroup v2 is the only hierarchy.
    pub(crate) unified: bool,
}

impl Plan {
    /// Translates a spec. Pure.
    pub(crate) fn new(
        spec: &Spec,
        root: &RootFs,
        binds: &[Bind],
        argv: Option<&[BString]>,
        around: Surroundings,
    ) -> Result<Self, PlanError> {
        let process = spec
            .process()
            .as_ref()
            .ok_or(PlanError::Missing("process"))?;
        let linux = spec
            .linux()
            .as_ref()
            .ok_or(PlanError::Missing("linux section"))?;
        let strings = |list: &Option<Vec<String>>| -> Vec<BString> {
            list.iter()
                .flatten()
                .map(|text| BString::from(text.as_str()))
                .collect()
        };
        let argv = argv.map_or_else(|| strings(process.args()), <[BString]>::to_vec);
        if argv.first().is_none_or(|program| program.is_empty()) {
            return Err(PlanError::Missing("command"));
        }
        let (namespaces, new_network) = namespaces(spec)?;
        let sets = process.capabilities().as_ref();
        let bits = |set: Option<&HashSet<Capability>>| {
            set.map_or(0, |set| set.iter().fold(0, |all, one| all | bit(*one)))
        };
        let capabilities = CapabilitySets {
            effective: bits(sets.and_then(|sets| sets.effective().as_ref())),
            permitted: bits(sets.and_then(|sets| sets.permitted().as_ref())),
            inheritable: bits(sets.and_then(|sets| sets.inheritable().as_ref())),
        };
        let user = process.user();
        let privileged = capabilities.effective & bit(Capability::SysAdmin) != 0;
        let mut mounts = Vec::new();
        for mount in spec.mounts().iter().flatten() {
            mounts.push(spec_mount(mount, around, new_network, privileged)?);
        }
        for bind in binds {
            mounts.push(bind_mount(bind, privileged)?);
        }
        let mut sysctl: Vec<(BString, BString)> = linux
            .sysctl()
            .iter()
            .flatten()
            .map(|(name, value)| (name.replace('.', "/").into(), value.as_str().into()))
            .collect();
        sysctl.sort();
        Ok(Self {
            namespaces,
            new_network,
            cgroup: around.cgroup,
            root: root_plan(root, around),
            mounts,
            devices: devices(spec)?,
            bind_devices: around.rootless,
            hostname: spec.hostname().as_deref().map(BString::from),
            domainname: spec.domainname().as_deref().map(BString::from),
            sysctl,
            masked: strings(linux.masked_paths()),
            read_only: strings(linux.readonly_paths()),
            root_read_only: spec
                .root()
                .as_ref()
                .and_then(oci_spec::runtime::Root::readonly)
                .unwrap_or(false),
            rlimits: process
                .rlimits()
                .iter()
                .flatten()
                .map(|limit| Rlimit {
                    resource: resource(limit.typ()),
                    soft: limit.soft(),
                    hard: limit.hard(),
                })
                .collect(),
            oom_score_adj: process.oom_score_adj(),
            pty: None,
            own_stdio: 0,
            uid: user.uid(),
            gid: user.gid(),
            groups: around
                .many_ids
                .then(|| user.additional_gids().clone().unwrap_or_default()),
            umask: user.umask().unwrap_or(0o022),
            bounding: bits(sets.and_then(|sets| sets.bounding().as_ref())),
            capabilities,
            ambient: bits(sets.and_then(|sets| sets.ambient().as_ref())),
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            seccomp: linux.seccomp().as_ref().map(seccomp::compile).transpose()?,
            cwd: bytes(process.cwd()),
            argv,
            env: strings(process.env()),
        })
    }
}

fn bytes(path: &Path) -> BString {
    path.as_os_str().as_bytes().into()
}

fn namespaces(spec: &Spec) -> Result<(u64, bool), PlanError> {
    let mut flags = 0_u64;
    for namespace in spec
        .linux()
        .iter()
        .flat_map(|linux| linux.namespaces().iter().flatten())
    {
        if let Some(path) = namespace.path() {
            return Err(PlanError::JoinNamespace(path.display().to_string()));
        }
        match namespace.typ() {
            // Entered by the child after it joined its cgroups, which roots the namespace there.
            LinuxNamespaceType::Cgroup => {}
            kind => flags |= kind as u64,
        }
    }
    Ok((flags, flags & LinuxNamespaceType::Network as u64 != 0))
}

fn root_plan(root: &RootFs, around: Surroundings) -> RootPlan {
    match root {
        RootFs::Dir(path) => RootPlan::Dir(bytes(path)),
        RootFs::Overlay {
            lower,
            upper,
            work,
            volatile,
        } => RootPlan::Overlay {
            lower: lower.iter().map(|path| bytes(path)).collect(),
            upper: bytes(upper),
            work: bytes(work),
            volatile: *volatile,
            user_xattr: around.rootless,
        },
    }
}

const MOUNT_ATTR_RDONLY: u64 = 0x1;
const MOUNT_ATTR_NOSUID: u64 = 0x2;
const MOUNT_ATTR_NODEV: u64 = 0x4;
const MOUNT_ATTR_NOEXEC: u64 = 0x8;
const MOUNT_ATTR_NOATIME: u64 = 0x10;
const MOUNT_ATTR_STRICTATIME: u64 = 0x20;
const MOUNT_ATTR_NODIRATIME: u64 = 0x80;

/// Separates mount attributes from options of the file system.
///
/// **Source:** OCI runtime specification, `config.md#mounts`, table of Linux options.
fn options(list: &[String]) -> (u64, bool, Vec<(BString, Option<BString>)>) {
    let (mut attributes, mut recursive, mut rest) = (0, false, Vec::new());
    for option in list {
        match option.as_str() {
            "ro" | "rro" => attributes |= MOUNT_ATTR_RDONLY,
            "nosuid" => attributes |= MOUNT_ATTR_NOSUID,
            "nodev" => attributes |= MOUNT_ATTR_NODEV,
            "noexec" => attributes |= MOUNT_ATTR_NOEXEC,
            "noatime" => attributes |= MOUNT_ATTR_NOATIME,
            "strictatime" => attributes |= MOUNT_ATTR_STRICTATIME,
            "nodiratime" => attributes |= MOUNT_ATTR_NODIRATIME,
            "rbind" => recursive = true,
            // Defaults, and propagation: every mount here is private.
            "rw" | "suid" | "dev" | "exec" | "relatime" | "defaults" | "bind" | "private"
            | "rprivate" | "slave" | "rslave" | "shared" | "rshared" | "unbindable"
            | "runbindable" => {}
            other => rest.push(match other.split_once('=') {
                Some((key, value)) => (key.into(), Some(value.into())),
                None => (other.into(), None),
            }),
        }
    }
    (attributes, recursive, rest)
}

fn spec_mount(
    mount: &Mount,
    around: Surroundings,
    new_network: bool,
    privileged: bool,
) -> Result<MountPlan, PlanError> {
    let target = mount.destination();
    let list = mount.options().clone().unwrap_or_default();
    let (attributes, recursive, mut options) = options(&list);
    let kind = mount.typ().as_deref().unwrap_or("none");
    let problem = |problem| PlanError::Mount {
        target: target.display().to_string(),
        problem,
    };
    let fs = |kind: &str, options| MountSource::Fs {
        kind: kind.into(),
        options,
    };
    let mut plan = MountPlan {
        target: bytes(target),
        source: fs(kind, Vec::new()),
        attributes,
        optional: false,
        plain_target: matches!(kind, "proc" | "sysfs"),
    };
    if kind == "bind"
        || list
            .iter()
            .any(|option| option == "bind" || option == "rbind")
    {
        check_target(target, privileged)?;
        let path = mount
            .source()
            .as_ref()
            .ok_or(problem("a bind mount without source"))?;
        plan.source = MountSource::Path {
            path: bytes(path),
            recursive,
        };
        return Ok(plan);
    }
    match kind {
        "none" => return Err(problem("no file system type")),
        "sysfs" if around.rootless && !new_network => {
            // A new sysfs shows the network namespace, which has to belong to this user namespace. Here it does not.
            plan.source = MountSource::Path {
                path: "/sys".into(),
                recursive: true,
            };
        }
        "cgroup" | "cgroup2" => return Ok(cgroup_mount(plan, around)),
        "devpts" => {
            if !around.many_ids {
                options.retain(|(key, _)| key != "gid");
            }
            plan.source = fs(kind, options);
        }
        _ => {
            if kind == "tmpfs" && !matches!(target.as_os_str().as_bytes(), b"/dev" | b"/dev/shm") {
                check_target(target, privileged)?;
            }
            plan.source = fs(kind, options);
        }
    }
    Ok(plan)
}

/// The view of cgroups: the container's own v2 hierarchy, or an empty folder.
///
/// Version 1 hierarchies take nine mounts, half a millisecond a container; programs that size themselves by their limits
/// treat a missing file as "no limit", which is true unless a limit was asked for.
fn cgroup_mount(mut plan: MountPlan, around: Surroundings) -> MountPlan {
    plan.optional = true;
    plan.source = if around.unified && around.cgroup.namespace {
        MountSource::Fs {
            kind: "cgroup2".into(),
            options: Vec::new(),
        }
    } else {
        let mode = ("mode".into(), Some("755".into()));
        MountSource::Fs {
            kind: "tmpfs".into(),
            options: vec![mode, ("size".into(), Some("4k".into()))],
        }
    };
    plan
}

/// Refuses targets whose replacement would undo the confinement.
///
/// **Source:** CVE-2019-16884; runc `checkProcMount`.
pub(crate) fn check_target(target: &Path, privileged: bool) -> Result<(), PlanError> {
    let parts: Vec<_> = target
        .components()
        .filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.as_bytes()),
            _ => None,
        })
        .collect();
    let refused = match parts.as_slice() {
        [] | [b"proc", ..] => true,
        [b"sys" | b"dev"] => !privileged,
        _ => target
            .components()
            .any(|part| part == std::path::Component::ParentDir),
    };
    if refused {
        Err(PlanError::Target(target.display().to_string()))
    } else {
        Ok(())
    }
}

fn bind_mount(bind: &Bind, privileged: bool) -> Result<MountPlan, PlanError> {
    check_target(&bind.target, privileged)?;
    let mut attributes = if bind.read_only { MOUNT_ATTR_RDONLY } else { 0 };
    let source = match &bind.source {
        BindSource::Path(path) => MountSource::Path {
            path: bytes(path),
            recursive: bind.recursive,
        },
        BindSource::Fd(_) => MountSource::Fd {
            recursive: bind.recursive,
        },
        BindSource::Tmpfs { size, mode } => {
            attributes |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
            let mut options = vec![("mode".into(), Some(format!("{mode:o}").into()))];
            if let Some(size) = size {
                options.push(("size".into(), Some(size.to_string().into())));
            }
            MountSource::Fs {
                kind: "tmpfs".into(),
                options,
            }
        }
        BindSource::File {
            content,
            mode,
            uid,
            gid,
        } => {
            attributes |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
            MountSource::File {
                content: content.clone(),
                mode: *mode,
                uid: *uid,
                gid: *gid,
            }
        }
    };
    Ok(MountPlan {
        target: bytes(&bind.target),
        source,
        attributes,
        optional: false,
        plain_target: false,
    })
}

/// Nodes every container has, then those of the spec.
///
/// **Source:** OCI runtime specification, `config-linux.md#default-devices`.
fn devices(spec: &Spec) -> Result<Vec<DevicePlan>, PlanError> {
    let character = |name: &str, major, minor| DevicePlan {
        name: name.into(),
        mode: libc::S_IFCHR | 0o666,
        major,
        minor,
        uid: 0,
        gid: 0,
    };
    let mut devices = vec![
        character("null", 1, 3),
        character("zero", 1, 5),
        character("full", 1, 7),
        character("random", 1, 8),
        character("urandom", 1, 9),
        character("tty", 5, 0),
    ];
    for device in spec
        .linux()
        .iter()
        .flat_map(|linux| linux.devices().iter().flatten())
    {
        let name = device
            .path()
            .strip_prefix("/dev")
            .ok()
            .filter(|name| {
                name.components()
                    .all(|part| matches!(part, std::path::Component::Normal(_)))
            })
            .filter(|name| !name.as_os_str().is_empty())
            .ok_or_else(|| PlanError::Device(device.path().display().to_string()))?;
        let kind = match device.typ() {
            oci_spec::runtime::LinuxDeviceType::B => libc::S_IFBLK,
            _ => libc::S_IFCHR,
        };
        devices.retain(|known| known.name != name.as_os_str().as_bytes());
        devices.push(DevicePlan {
            name: bytes(name),
            mode: kind | device.file_mode().unwrap_or(0o666) & 0o7777,
            major: device.major() as u32,
            minor: device.minor() as u32,
            uid: device.uid().unwrap_or(0),
            gid: device.gid().unwrap_or(0),
        });
    }
    Ok(devices)
}

fn resource(kind: PosixRlimitType) -> u32 {
    match kind {
        PosixRlimitType::RlimitCpu => libc::RLIMIT_CPU,
        PosixRlimitType::RlimitFsize => libc::RLIMIT_FSIZE,
        PosixRlimitType::RlimitData => libc::RLIMIT_DATA,
        PosixRlimitType::RlimitStack => libc::RLIMIT_STACK,
        PosixRlimitType::RlimitCore => libc::RLIMIT_CORE,
        PosixRlimitType::RlimitRss => libc::RLIMIT_RSS,
        PosixRlimitType::RlimitNproc => libc::RLIMIT_NPROC,
        PosixRlimitType::RlimitNofile => libc::RLIMIT_NOFILE,
        PosixRlimitType::RlimitMemlock => libc::RLIMIT_MEMLOCK,
        PosixRlimitType::RlimitAs => libc::RLIMIT_AS,
        PosixRlimitType::RlimitLocks => libc::RLIMIT_LOCKS,
        PosixRlimitType::RlimitSigpending => libc::RLIMIT_SIGPENDING,
        PosixRlimitType::RlimitMsgqueue => libc::RLIMIT_MSGQUEUE,
        PosixRlimitType::RlimitNice => libc::RLIMIT_NICE,
        PosixRlimitType::RlimitRtprio => libc::RLIMIT_RTPRIO,
        PosixRlimitType::RlimitRttime => libc::RLIMIT_RTTIME,
    }
}

/// The kernel's bit of a capability.
///
/// **Source:** `linux/capability.h`.
pub(crate) fn bit(capability: Capability) -> u64 {
    let number = match capability {
        Capability::Chown => 0,
        Capability::DacOverride => 1,
        Capability::DacReadSearch => 2,
        Capability::Fowner => 3,
        Capability::Fsetid => 4,
        Capability::Kill => 5,
        Capability::Setgid => 6,
        Capability::Setuid => 7,
        Capability::Setpcap => 8,
        Capability::LinuxImmutable => 9,
        Capability::NetBindService => 10,
        Capability::NetBroadcast => 11,
        Capability::NetAdmin => 12,
        Capability::NetRaw => 13,
        Capability::IpcLock => 14,
        Capability::IpcOwner => 15,
        Capability::SysModule => 16,
        Capability::SysRawio => 17,
        Capability::SysChroot => 18,
        Capability::SysPtrace => 19,
        Capability::SysPacct => 20,
        Capability::SysAdmin => 21,
        Capability::SysBoot => 22,
        Capability::SysNice => 23,
        Capability::SysResource => 24,
        Capability::SysTime => 25,
        Capability::SysTtyConfig => 26,
        Capability::Mknod => 27,
        Capability::Lease => 28,
        Capability::AuditWrite => 29,
        Capability::AuditControl => 30,
        Capability::Setfcap => 31,
        Capability::MacOverride => 32,
        Capability::MacAdmin => 33,
        Capability::Syslog => 34,
        Capability::WakeAlarm => 35,
        Capability::BlockSuspend => 36,
        Capability::AuditRead => 37,
        Capability::Perfmon => 38,
        Capability::Bpf => 39,
        Capability::CheckpointRestore => 40,
    };
    1 << number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_confine_are_refused() {
        for target in [
            "/proc",
            "/proc/sys",
            "/",
            "/proc/",
            "//proc",
            "/sys",
            "/dev",
            "/a/../proc",
            "/./proc/self",
        ] {
            assert!(check_target(Path::new(target), false).is_err(), "{target}");
        }
        for target in ["/data", "/dev/snd", "/sys/fs/bpf", "/process", "/var/proc"] {
            assert!(check_target(Path::new(target), false).is_ok(), "{target}");
        }
        assert!(check_target(Path::new("/dev"), true).is_ok());
        assert!(check_target(Path::new("/proc"), true).is_err());
    }

    #[test]
    fn options_split_into_attributes_and_parameters() {
        let list = [
            "nosuid",
            "ro",
            "mode=755",
            "size=64k",
            "newinstance",
            "rbind",
        ]
        .map(str::to_owned);
        let (attributes, recursive, rest) = options(&list);
        assert_eq!(attributes, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY);
        assert!(recursive);
        assert_eq!(rest.len(), 3);
        assert_eq!(rest[2], ("newinstance".into(), None));
    }
}
