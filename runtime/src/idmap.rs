//! Running as an ordinary user: a user namespace in which we are root, entered once at the start of a command.

use crate::sys::clone::{Side, SingleThread, clone3, exit, unshare};
use rustix::io::Errno;
use rustix::thread::UnshareFlags;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

/// Why an ordinary user cannot work here. Each message names the command that helps.
#[derive(Debug, thiserror::Error)]
pub enum IdmapError {
    /// Threads were started before.
    #[error("the user namespace has to be entered before any thread is started")]
    Threads,
    /// The kernel or a policy says no.
    #[error("cannot create a user namespace: {errno}; {hint}")]
    Namespace { errno: Errno, hint: &'static str },
    /// The one mapping that needs no help was refused.
    #[error("cannot map the user into the namespace")]
    Map(#[source] std::io::Error),
    /// A helper refused the ranges.
    #[error("`{program}` failed: {message}")]
    Helper {
        program: &'static str,
        message: String,
    },
    /// Starting again inside failed.
    #[error("cannot start again inside the user namespace: {0}")]
    Exec(Errno),
}

/// Enters a user and a mount namespace when this process is not root, by starting the program again inside; returns
/// when it is root there or was root already. Call it before any thread is started.
///
/// All of the user's subordinate ids are mapped when there are some and the helpers are installed; else only the user
/// itself, see [`single_id_reason`].
pub fn enter_user_namespace_if_needed() -> Result<(), IdmapError> {
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    if uid == 0 {
        return Ok(());
    }
    let proof = SingleThread::prove().ok_or(IdmapError::Threads)?;
    let ranges = Ranges::read(uid);
    let helper = ranges
        .as_ref()
        .ok()
        .map(|ranges| Helper::start(&proof, ranges, uid, gid))
        .transpose()?;
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(|errno| {
        IdmapError::Namespace {
            errno,
            hint: namespace_hint(errno),
        }
    })?;
    match helper {
        Some(helper) => helper.finish()?,
        None => map_single(uid, gid).map_err(IdmapError::Map)?,
    }
    Err(IdmapError::Exec(again()))
}

/// Whether this process is in a user namespace that does not map all ids: mounts and devices need other ways there.
pub fn is_rootless() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_full(&map))
}

/// Whether more than one id is mapped, so that files of other users can exist and groups can be set.
pub fn has_many_ids() -> bool {
    fs::read_to_string("/proc/self/gid_map").is_ok_and(|map| mapped(&map) > 1)
}

/// Why only one id is mapped for this user, with the command that changes it. `None` when more are.
pub fn single_id_reason() -> Option<String> {
    if has_many_ids() {
        return None;
    }
    // The outer id of the only line is who the user is outside.
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    let outside = map.split_whitespace().nth(1)?.parse().ok()?;
    Some(Ranges::read(outside).err().map_or_else(
        || "the namespace was made without ranges".into(),
        |why| why.to_string(),
    ))
}

fn is_full(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn mapped(map: &str) -> u64 {
    map.lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
        .sum()
}

fn namespace_hint(errno: Errno) -> &'static str {
    match errno {
        Errno::NOSPC => "raise the limit: `sudo sysctl user.max_user_namespaces=15000`",
        Errno::PERM
            if fs::metadata("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").is_ok() =>
        {
            "allow it: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        }
        Errno::PERM => "allow it: `sudo sysctl kernel.unprivileged_userns_clone=1`",
        _ => "the kernel needs CONFIG_USER_NS",
    }
}

/// The user's subordinate ids: first id and how many, of users and of groups.
#[derive(Debug, PartialEq, Eq)]
struct Ranges {
    users: Vec<(u32, u32)>,
    groups: Vec<(u32, u32)>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
enum NoRanges {
    #[error("`{0}` is not installed: `sudo apt install uidmap` (or the package `shadow-utils`)")]
    Helper(&'static str),
    #[error(
        "`{file}` has no range for `{user}`: `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`"
    )]
    Entry { file: &'static str, user: String },
}

impl Ranges {
    fn read(uid: u32) -> Result<Self, NoRanges> {
        for helper in [NEWUIDMAP, NEWGIDMAP] {
            if find(helper).is_none() {
                return Err(NoRanges::Helper(helper));
            }
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = user_name(&passwd, uid).map_or_else(|| uid.to_string(), str::to_owned);
        let of = |file: &'static str| {
            let ranges = parse_ranges(&fs::read_to_string(file).unwrap_or_default(), &name, uid);
            if ranges.is_empty() {
                Err(NoRanges::Entry {
                    file,
                    user: name.clone(),
                })
            } else {
                Ok(ranges)
            }
        };
        Ok(Self {
            users: of("/etc/subuid")?,
            groups: of("/etc/subgid")?,
        })
    }
}

const NEWUIDMAP: &str = "newuidmap";
const NEWGIDMAP: &str = "newgidmap";

fn find(program: &str) -> Option<std::path::PathBuf> {
    ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin"]
        .into_iter()
        .map(|folder| std::path::Path::new(folder).join(program))
        .find(|path| path.exists())
}

fn user_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// **Source:** `subuid(5)`: lines of `user:first:count`, the user by name or number.
fn parse_ranges(text: &str, name: &str, uid: u32) -> Vec<(u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            (owner == name || owner.parse() == Ok(uid)).then_some(())?;
            let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            (count > 0).then_some((first, count))
        })
        .collect()
}

/// Arguments of a helper: ourselves as 0, then the ranges from 1 on.
fn mapping(own: u32, ranges: &[(u32, u32)]) -> Vec<String> {
    let mut arguments = vec!["0".into(), own.to_string(), "1".into()];
    let mut inside = 1_u32;
    for (first, count) in ranges {
        arguments.extend([inside.to_string(), first.to_string(), count.to_string()]);
        inside = inside.saturating_add(*count);
    }
    arguments
}

/// A copy of this process that stays outside: the set-uid helpers mean nothing inside.
struct Helper {
    pid: u32,
    go: std::os::fd::OwnedFd,
    answer: std::os::fd::OwnedFd,
}

impl Helper {
    fn start(
        proof: &SingleThread,
        ranges: &Ranges,
        uid: u32,
        gid: u32,
    ) -> Result<Self, IdmapError> {
        let failed = |errno| IdmapError::Namespace {
            errno,
            hint: "try again",
        };
        let target = std::process::id().to_string();
        let (wait, go) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(failed)?;
        let (answer, tell) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(failed)?;
        match clone3(proof, 0, None).map_err(failed)? {
            Side::Parent { pid, .. } => Ok(Self { pid, go, answer }),
            Side::Child => {
                drop((go, answer));
                // Nothing is read when the parent failed and is gone.
                if !matches!(rustix::io::read(&wait, &mut [0_u8; 1]), Ok(1)) {
                    exit(0);
                }
                for (program, own, ranges) in [
                    (NEWUIDMAP, uid, &ranges.users),
                    (NEWGIDMAP, gid, &ranges.groups),
                ] {
                    if let Err(message) = run(program, &target, &mapping(own, ranges)) {
                        let text =
                            format!("{}{message}", if program == NEWUIDMAP { 'u' } else { 'g' });
                        let _ = rustix::io::write(&tell, text.as_bytes());
                        exit(1);
                    }
                }
                exit(0)
            }
        }
    }

    /// Lets it map this process, which is in the new namespace now.
    fn finish(self) -> Result<(), IdmapError> {
        let broken = |errno: Errno| IdmapError::Map(errno.into());
        rustix::io::write(&self.go, b"g").map_err(broken)?;
        let mut text = [0_u8; 1024];
        // Its end of the other pipe was copied here, too, but dropped with `start`: this ends with the helper.
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&self.answer, &mut text))
            .map_err(broken)?;
        let _ = crate::sys::wait::wait4(self.pid);
        match text[..read].split_first() {
            None => Ok(()),
            Some((which, message)) => Err(IdmapError::Helper {
                program: if *which == b'u' { NEWUIDMAP } else { NEWGIDMAP },
                message: String::from_utf8_lossy(message).trim().to_owned(),
            }),
        }
    }
}

fn run(program: &str, target: &str, arguments: &[String]) -> Result<(), String> {
    let path = find(program).ok_or("not found")?;
    let output = Command::new(path)
        .arg(target)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn map_single(uid: u32, gid: u32) -> std::io::Result<()> {
    // Groups could otherwise be dropped to get past a file that denies them.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Starts this program again with the same arguments and environment; inside it has every capability then.
fn again() -> Errno {
    let strings = |list: Vec<std::ffi::OsString>| -> Vec<CString> {
        list.iter()
            .filter_map(|text| CString::new(text.as_bytes()).ok())
            .collect()
    };
    let argv = crate::sys::exec::ExecVec::new(strings(std::env::args_os().collect()));
    let env = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    let env = crate::sys::exec::ExecVec::new(strings(env.collect()));
    // By path, not by the link in /proc: that one would keep the mount of the old namespace.
    let path = fs::read_link("/proc/self/exe")
        .ok()
        .and_then(|path| CString::new(path.as_os_str().as_bytes()).ok());
    crate::sys::exec::execve(path.as_deref().unwrap_or(c"/proc/self/exe"), &argv, &env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_by_name_and_number() {
        let text = "root:100000:65536\nme:165536:65536\n1000:300000:10\nme:bad:1\nme:5:0\n";
        assert_eq!(
            parse_ranges(text, "me", 1000),
            [(165_536, 65_536), (300_000, 10)]
        );
        assert_eq!(parse_ranges(text, "you", 7), []);
        assert_eq!(
            mapping(1000, &[(165_536, 65_536), (300_000, 10)]).join(" "),
            "0 1000 1 1 165536 65536 65537 300000 10"
        );
    }

    #[test]
    fn maps() {
        assert!(is_full("         0          0 4294967295\n"));
        assert!(!is_full(
            "         0       1000          1\n         1     100000      65536\n"
        ));
        assert_eq!(
            mapped("         0       1000          1\n         1     100000      65536\n"),
            65_537
        );
        assert_eq!(
            user_name("root:x:0:0::/:\nme:x:1000:1000::/:\n", 1000),
            Some("me")
        );
    }
}
