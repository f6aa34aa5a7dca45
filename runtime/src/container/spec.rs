//! From what a container should be to a runtime [`Spec`]: Docker's defaults, as a value.

use super::profile::default_profile;
use super::user::User;
use cooperage_lang::plan::config::DEFAULT_PATH;
use oci_spec::runtime::{
    Capabilities, Capability, LinuxBuilder, LinuxCapabilitiesBuilder, LinuxDevice, LinuxNamespace,
    LinuxNamespaceBuilder, LinuxNamespaceType, Mount, MountBuilder, PosixRlimit,
    PosixRlimitBuilder, PosixRlimitType, ProcessBuilder, RootBuilder, Spec, SpecBuilder,
    UserBuilder,
};
use std::collections::HashMap;

/// Which network a container sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    Host,
    /// A new one with nothing but loopback; something may be plugged in later.
    #[default]
    None,
}

/// What a container should be. Start from [`ContainerInput::new`].
#[derive(Clone, Debug)]
pub struct ContainerInput {
    pub argv: Vec<String>,
    /// `NAME=value`. `PATH`, `HOME` and `HOSTNAME` are added when absent, `TERM` for a terminal.
    pub env: Vec<String>,
    /// Absolute.
    pub cwd: String,
    pub user: User,
    pub network: Network,
    pub hostname: Option<String>,
    pub terminal: bool,
    pub read_only: bool,
    /// Everything allowed: all capabilities, no filter, nothing masked (`--privileged`, `RUN --security=insecure`).
    pub privileged: bool,
    pub no_new_privileges: bool,
    /// `--cap-add` and `--cap-drop` applied to Docker's default set, names as `NET_ADMIN` or `CAP_NET_ADMIN`, `ALL`.
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    /// `--security-opt seccomp=unconfined`.
    pub unconfined: bool,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
    /// Name (`nofile`), soft, hard; -1 is unlimited.
    pub ulimits: Vec<(String, i64, i64)>,
    /// Further mounts, after the defaults.
    pub mounts: Vec<Mount>,
    /// Nodes besides the usual six.
    pub devices: Vec<LinuxDevice>,
    pub sysctl: HashMap<String, String>,
}

/// 64 MiB, Docker's default.
pub const DEFAULT_SHM_SIZE: u64 = 64 << 20;

impl ContainerInput {
    /// Docker's defaults around a command.
    pub fn new(argv: Vec<String>) -> Self {
        Self {
            argv,
            env: Vec::new(),
            cwd: "/".into(),
            user: User {
                uid: 0,
                gid: 0,
                groups: Vec::new(),
                home: "/root".into(),
            },
            network: Network::None,
            hostname: None,
            terminal: false,
            read_only: false,
            privileged: false,
            no_new_privileges: false,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            unconfined: false,
            shm_size: DEFAULT_SHM_SIZE,
            ulimits: Vec::new(),
            mounts: Vec::new(),
            devices: Vec::new(),
            sysctl: HashMap::new(),
        }
    }
}

/// The spec of a container. Pure: equal inputs give equal specs.
///
/// **Source:** moby `oci/defaults.go`, `oci/caps/defaults.go`, `daemon/oci_linux.go`.
pub fn spec(input: &ContainerInput) -> Spec {
    let capabilities = capabilities(input);
    let mut process = ProcessBuilder::default()
        .terminal(input.terminal)
        .user(user(&input.user))
        .args(input.argv.clone())
        .env(environment(input))
        .cwd(if input.cwd.is_empty() {
            "/"
        } else {
            input.cwd.as_str()
        })
        .no_new_privileges(input.no_new_privileges)
        .rlimits(input.ulimits.iter().filter_map(rlimit).collect::<Vec<_>>());
    // A user other than root gets what the bounding set lets files give it, and nothing to begin with.
    let effective = if input.user.uid == 0 {
        capabilities.clone()
    } else {
        Capabilities::new()
    };
    let sets = LinuxCapabilitiesBuilder::default()
        .bounding(capabilities.clone())
        .effective(effective.clone())
        .permitted(effective)
        .inheritable(Capabilities::new())
        .ambient(Capabilities::new());
    process = process.capabilities(sets.build().expect("every set is given"));
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(input.network))
        .devices(input.devices.clone())
        .masked_paths(paths(if input.privileged { &[] } else { MASKED }))
        .readonly_paths(paths(if input.privileged { &[] } else { READ_ONLY }));
    if !input.privileged && !input.unconfined {
        linux = linux.seccomp(default_profile(&capabilities));
    }
    let mut sysctl = input.sysctl.clone();
    if input.network == Network::None {
        // Small ports and ping for everybody: the namespace is its own.
        sysctl
            .entry("net.ipv4.ip_unprivileged_port_start".into())
            .or_insert_with(|| "0".into());
    }
    linux = linux.sysctl(sysctl);
    let root = RootBuilder::default()
        .path("rootfs")
        .readonly(input.read_only)
        .build()
        .expect("the path is given");
    let mut spec = SpecBuilder::default()
        .version("1.1.0")
        .root(root)
        .mounts(mounts(input))
        .process(
            process
                .build()
                .expect("every field without a default is given"),
        )
        .linux(linux.build().expect("every field has a default"));
    if let Some(hostname) = &input.hostname {
        spec = spec.hostname(hostname.as_str());
    }
    let mut spec = spec.build().expect("every field has a default");
    if input.hostname.is_none() {
        spec.set_hostname(None);
    }
    spec
}

fn user(user: &User) -> oci_spec::runtime::User {
    UserBuilder::default()
        .uid(user.uid)
        .gid(user.gid)
        .umask(0o022_u32)
        .additional_gids(user.groups.clone())
        .build()
        .expect("every field has a default")
}

fn environment(input: &ContainerInput) -> Vec<String> {
    let mut env = input.env.clone();
    let missing = |env: &[String], name: &str| {
        !env.iter().any(|entry| {
            entry
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('='))
        })
    };
    if missing(&env, "PATH") {
        env.insert(0, format!("PATH={DEFAULT_PATH}"));
    }
    if let Some(hostname) = input
        .hostname
        .as_ref()
        .filter(|_| missing(&env, "HOSTNAME"))
    {
        env.push(format!("HOSTNAME={hostname}"));
    }
    if input.terminal && missing(&env, "TERM") {
        env.push("TERM=xterm".into());
    }
    if missing(&env, "HOME") {
        env.push(format!("HOME={}", input.user.home));
    }
    env
}

/// What Docker grants to a container.
const DEFAULT_CAPABILITIES: [Capability; 14] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

/// All there are, by number.
const ALL_CAPABILITIES: [Capability; 41] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

fn capabilities(input: &ContainerInput) -> Capabilities {
    let all = || ALL_CAPABILITIES.into_iter().collect::<Capabilities>();
    if input.privileged {
        return all();
    }
    let is_all = |name: &String| name.eq_ignore_ascii_case("ALL");
    let mut set: Capabilities = match (
        input.cap_add.iter().any(is_all),
        input.cap_drop.iter().any(is_all),
    ) {
        (true, _) => all(),
        (false, true) => Capabilities::new(),
        (false, false) => DEFAULT_CAPABILITIES.into_iter().collect(),
    };
    for capability in input.cap_drop.iter().filter_map(|name| capability(name)) {
        set.remove(&capability);
    }
    set.extend(input.cap_add.iter().filter_map(|name| capability(name)));
    set
}

/// A capability by name, with or without `CAP_`, any case. `None`: there is no such capability.
pub fn capability(name: &str) -> Option<Capability> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("CAP_").unwrap_or(&name);
    ALL_CAPABILITIES
        .into_iter()
        .find(|capability| capability.to_string() == name)
}

fn namespaces(network: Network) -> Vec<LinuxNamespace> {
    let mut kinds = vec![
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Cgroup,
    ];
    if network == Network::None {
        kinds.push(LinuxNamespaceType::Network);
    }
    let build = |kind| {
        LinuxNamespaceBuilder::default()
            .typ(kind)
            .build()
            .expect("the type is given")
    };
    kinds.into_iter().map(build).collect()
}

fn mounts(input: &ContainerInput) -> Vec<Mount> {
    let mount = |target: &str, kind: &str, options: &str| {
        MountBuilder::default()
            .destination(target)
            .typ(kind)
            .source(kind)
            .options(options.split(',').map(str::to_owned).collect::<Vec<_>>())
            .build()
            .expect("the destination is given")
    };
    let write = if input.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        mount("/proc", "proc", "nosuid,noexec,nodev"),
        mount("/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        mount(
            "/dev/pts",
            "devpts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        ),
        mount("/sys", "sysfs", &format!("nosuid,noexec,nodev,{write}")),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            &format!("{write},nosuid,noexec,nodev"),
        ),
        mount("/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
        mount(
            "/dev/shm",
            "tmpfs",
            &format!("nosuid,noexec,nodev,mode=1777,size={}", input.shm_size),
        ),
    ];
    mounts.extend(input.mounts.iter().cloned());
    mounts
}

const MASKED: &[&str] = &[
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

const READ_ONLY: &[&str] = &[
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

fn paths(list: &[&str]) -> Vec<String> {
    list.iter().map(|path| (*path).to_owned()).collect()
}

/// A `--ulimit`; names that do not exist are left out (the language refuses them before).
fn rlimit((name, soft, hard): &(String, i64, i64)) -> Option<PosixRlimit> {
    let kind = match name.to_ascii_lowercase().as_str() {
        "cpu" => PosixRlimitType::RlimitCpu,
        "fsize" => PosixRlimitType::RlimitFsize,
        "data" => PosixRlimitType::RlimitData,
        "stack" => PosixRlimitType::RlimitStack,
        "core" => PosixRlimitType::RlimitCore,
        "rss" => PosixRlimitType::RlimitRss,
        "nproc" => PosixRlimitType::RlimitNproc,
        "nofile" => PosixRlimitType::RlimitNofile,
        "memlock" => PosixRlimitType::RlimitMemlock,
        "as" => PosixRlimitType::RlimitAs,
        "locks" => PosixRlimitType::RlimitLocks,
        "sigpending" => PosixRlimitType::RlimitSigpending,
        "msgqueue" => PosixRlimitType::RlimitMsgqueue,
        "nice" => PosixRlimitType::RlimitNice,
        "rtprio" => PosixRlimitType::RlimitRtprio,
        "rttime" => PosixRlimitType::RlimitRttime,
        _ => return None,
    };
    // -1 becomes all ones, which is RLIM_INFINITY.
    let limit = PosixRlimitBuilder::default()
        .typ(kind)
        .soft(*soft as u64)
        .hard(*hard as u64);
    Some(limit.build().expect("every field is given"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(set: Option<&Capabilities>) -> String {
        let mut names: Vec<_> = set.into_iter().flatten().map(ToString::to_string).collect();
        names.sort();
        names.join(" ")
    }

    #[test]
    fn docker_defaults() {
        let spec = spec(&ContainerInput::new(vec!["true".into()]));
        let process = spec.process().as_ref().unwrap();
        let sets = process.capabilities().as_ref().unwrap();
        let fourteen = "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID \
                        SETPCAP SETUID SYS_CHROOT";
        assert_eq!(shown(sets.bounding().as_ref()), fourteen);
        assert_eq!(shown(sets.effective().as_ref()), fourteen);
        assert_eq!(shown(sets.inheritable().as_ref()), "");
        assert_eq!(shown(sets.ambient().as_ref()), "");
        assert_eq!(
            process.env().as_deref().unwrap(),
            [format!("PATH={DEFAULT_PATH}").as_str(), "HOME=/root"]
        );
        assert_eq!(process.no_new_privileges(), Some(false));
        let targets: Vec<_> = spec
            .mounts()
            .iter()
            .flatten()
            .map(|mount| mount.destination().display().to_string())
            .collect();
        assert_eq!(
            targets,
            [
                "/proc",
                "/dev",
                "/dev/pts",
                "/sys",
                "/sys/fs/cgroup",
                "/dev/mqueue",
                "/dev/shm"
            ],
        );
        let linux = spec.linux().as_ref().unwrap();
        assert!(linux.seccomp().is_some());
        assert_eq!(linux.masked_paths().as_ref().unwrap().len(), 12);
        assert_eq!(linux.readonly_paths().as_ref().unwrap().len(), 5);
        assert_eq!(spec.hostname(), &None);
    }

    #[test]
    fn other_users_and_privileges() {
        let mut input = ContainerInput::new(vec!["id".into()]);
        input.user = User {
            uid: 1000,
            gid: 1000,
            groups: vec![5],
            home: "/home/me".into(),
        };
        input.hostname = Some("box".into());
        input.terminal = true;
        let plain = spec(&input);
        let process = plain.process().as_ref().unwrap();
        let sets = process.capabilities().as_ref().unwrap();
        assert_eq!(shown(sets.effective().as_ref()), "");
        assert_eq!(sets.bounding().as_ref().unwrap().len(), 14);
        assert_eq!(
            process.env().as_deref().unwrap(),
            [
                format!("PATH={DEFAULT_PATH}").as_str(),
                "HOSTNAME=box",
                "TERM=xterm",
                "HOME=/home/me"
            ]
        );
        input.privileged = true;
        let privileged = spec(&input);
        assert!(privileged.linux().as_ref().unwrap().seccomp().is_none());
        assert_eq!(
            privileged
                .linux()
                .as_ref()
                .unwrap()
                .masked_paths()
                .as_deref(),
            Some(&[][..])
        );
    }

    #[test]
    fn capabilities_are_added_and_dropped() {
        let set = |add: &[&str], drop: &[&str]| {
            let mut input = ContainerInput::new(vec!["true".into()]);
            input.cap_add = add.iter().map(ToString::to_string).collect();
            input.cap_drop = drop.iter().map(ToString::to_string).collect();
            shown(Some(&capabilities(&input)))
        };
        assert_eq!(set(&["cap_net_admin"], &["all"]), "NET_ADMIN");
        assert_eq!(set(&["ALL"], &[]).split(' ').count(), 41);
        assert_eq!(set(&["ALL"], &["NET_RAW"]).split(' ').count(), 40);
        assert_eq!(set(&[], &["MKNOD"]).split(' ').count(), 13);
    }
}
