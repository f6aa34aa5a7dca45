//! Messages from `__init` and the container's first process to the process that launched them.
//!
//! Fixed-size packets on a sequenced-packet socket: two writers never mix, and the writer needs no buffer but its stack.

use rustix::io::Errno;

/// Where a launch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the words are in `Step::describe`")]
pub enum Step {
    Receive,
    OpenSource,
    Clone,
    Cgroup,
    CgroupNamespace,
    Session,
    Propagation,
    Overlay,
    Root,
    Staging,
    Target,
    Mount,
    Device,
    Pty,
    Keyring,
    Network,
    Sysctl,
    Hostname,
    Mask,
    ReadOnly,
    Pivot,
    Stdio,
    Rlimit,
    OomScore,
    CloseDescriptors,
    Seccomp,
    Capabilities,
    Groups,
    User,
    DeathSignal,
    WorkingDirectory,
    NotFound,
    Exec,
}

impl Step {
    const ALL: [Self; 33] = [
        Self::Receive,
        Self::OpenSource,
        Self::Clone,
        Self::Cgroup,
        Self::CgroupNamespace,
        Self::Session,
        Self::Propagation,
        Self::Overlay,
        Self::Root,
        Self::Staging,
        Self::Target,
        Self::Mount,
        Self::Device,
        Self::Pty,
        Self::Keyring,
        Self::Network,
        Self::Sysctl,
        Self::Hostname,
        Self::Mask,
        Self::ReadOnly,
        Self::Pivot,
        Self::Stdio,
        Self::Rlimit,
        Self::OomScore,
        Self::CloseDescriptors,
        Self::Seccomp,
        Self::Capabilities,
        Self::Groups,
        Self::User,
        Self::DeathSignal,
        Self::WorkingDirectory,
        Self::NotFound,
        Self::Exec,
    ];

    /// What was being done, to follow "cannot".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Receive => "receive the container's plan",
            Self::OpenSource => "open the source of a mount",
            Self::Clone => "create the container's namespaces",
            Self::Cgroup => "enter the container's cgroup",
            Self::CgroupNamespace => "create a cgroup namespace",
            Self::Session => "create a session",
            Self::Propagation => "detach from the host's mounts",
            Self::Overlay => "mount the layers",
            Self::Root => "open the container's root",
            Self::Staging => "prepare a file for the container",
            Self::Target => "find or make the mount point",
            Self::Mount => "mount",
            Self::Device => "make a device",
            Self::Pty => "open a terminal",
            Self::Keyring => "join a new keyring",
            Self::Network => "set up the loopback interface",
            Self::Sysctl => "set a kernel parameter",
            Self::Hostname => "set the host name",
            Self::Mask => "hide a path",
            Self::ReadOnly => "make a path read-only",
            Self::Pivot => "enter the container's root",
            Self::Stdio => "connect standard input and output",
            Self::Rlimit => "set a resource limit",
            Self::OomScore => "set the OOM score",
            Self::CloseDescriptors => "close descriptors",
            Self::Seccomp => "load the system call filter",
            Self::Capabilities => "set capabilities",
            Self::Groups => "set groups",
            Self::User => "change to the user",
            Self::DeathSignal => "tie the container to its parent",
            Self::WorkingDirectory => "change to the working directory",
            Self::NotFound => "find the program",
            Self::Exec => "run the program",
        }
    }
}

/// A failed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    /// Which mount, device, path …; 0 where there is one.
    pub(crate) index: u32,
    pub(crate) errno: Errno,
}

impl Failure {
    pub(crate) fn new(step: Step, index: usize, errno: Errno) -> Self {
        Self {
            step,
            index: index as u32,
            errno,
        }
    }
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The step failed, the launch goes on.
    Warning(Failure),
    /// The launch is over.
    Failed(Failure),
    /// The mount point of mount `index` was made, `depth` components of it, the last at this place in the upper layer.
    Made(Made),
    /// With the pty master.
    Terminal,
    /// The program runs; with its pidfd.
    Running { pid: u32 },
    Exited {
        status: i32,
        user_us: u64,
        system_us: u64,
        max_rss: u64,
    },
}

/// A file or folder that was made as a mount point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) mount: u32,
    /// How many bytes of the mount's resolved target name it.
    pub(crate) folder: bool,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    /// Of the folder it was made in, before: seconds and nanoseconds.
    pub(crate) parent_mtime: (i64, u32),
    /// Follows the packet's head: path below the root.
    pub(crate) path_len: u16,
}

/// Bytes of a packet's head.
pub(crate) const HEAD: usize = 48;

impl Message {
    /// The packet.
    pub(crate) fn encode(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        let failure = |put: &mut dyn FnMut(&[u8]), tag: u8, failure: &Failure| {
            put(&[tag, failure.step as u8]);
            put(&failure.index.to_le_bytes());
            put(&failure.errno.raw_os_error().to_le_bytes());
        };
        match self {
            Self::Warning(warning) => failure(&mut put, 1, warning),
            Self::Failed(failed) => failure(&mut put, 2, failed),
            Self::Made(made) => {
                put(&[3, u8::from(made.folder)]);
                put(&made.mount.to_le_bytes());
                put(&made.dev.to_le_bytes());
                put(&made.ino.to_le_bytes());
                put(&made.parent_mtime.0.to_le_bytes());
                put(&made.parent_mtime.1.to_le_bytes());
                put(&made.path_len.to_le_bytes());
            }
            Self::Terminal => put(&[4]),
            Self::Running { pid } => {
                put(&[5]);
                put(&pid.to_le_bytes());
            }
            Self::Exited {
                status,
                user_us,
                system_us,
                max_rss,
            } => {
                put(&[6]);
                put(&status.to_le_bytes());
                put(&user_us.to_le_bytes());
                put(&system_us.to_le_bytes());
                put(&max_rss.to_le_bytes());
            }
        }
        out
    }

    /// Reads a packet; `None` when it is not one.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let mut rest = packet.get(..HEAD)?;
        let tag = take::<1>(&mut rest)?[0];
        let failure = |rest: &mut &[u8]| {
            let step = *Step::ALL.get(usize::from(take::<1>(rest)?[0]))?;
            let index = u32::from_le_bytes(take(rest)?);
            let errno = Errno::from_raw_os_error(i32::from_le_bytes(take(rest)?));
            Some(Failure { step, index, errno })
        };
        Some(match tag {
            1 => Self::Warning(failure(&mut rest)?),
            2 => Self::Failed(failure(&mut rest)?),
            3 => Self::Made(Made {
                folder: take::<1>(&mut rest)?[0] != 0,
                mount: u32::from_le_bytes(take(&mut rest)?),
                dev: u64::from_le_bytes(take(&mut rest)?),
                ino: u64::from_le_bytes(take(&mut rest)?),
                parent_mtime: (
                    i64::from_le_bytes(take(&mut rest)?),
                    u32::from_le_bytes(take(&mut rest)?),
                ),
                path_len: u16::from_le_bytes(take(&mut rest)?),
            }),
            4 => Self::Terminal,
            5 => Self::Running {
                pid: u32::from_le_bytes(take(&mut rest)?),
            },
            6 => Self::Exited {
                status: i32::from_le_bytes(take(&mut rest)?),
                user_us: u64::from_le_bytes(take(&mut rest)?),
                system_us: u64::from_le_bytes(take(&mut rest)?),
                max_rss: u64::from_le_bytes(take(&mut rest)?),
            },
            _ => return None,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_survive_the_way() {
        for (at, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, at);
        }
        let failure = Failure {
            step: Step::Exec,
            index: 7,
            errno: Errno::NOENT,
        };
        for message in [
            Message::Warning(failure),
            Message::Failed(failure),
            Message::Terminal,
            Message::Running { pid: 77 },
            Message::Exited {
                status: 256,
                user_us: 1,
                system_us: 2,
                max_rss: 1 << 40,
            },
            Message::Made(Made {
                mount: 1,
                folder: true,
                dev: 5,
                ino: 1 << 50,
                parent_mtime: (-3, 9),
                path_len: 17,
            }),
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }
}
