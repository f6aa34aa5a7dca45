//! Compiles the `seccomp` object of a runtime spec into a BPF program.
//!
//! Our own assembler instead of a crate: Docker's profile needs several actions in one filter (`clone3` looks absent,
//! the rest is refused) and i386 programs on x86-64, and a compile takes tens of microseconds, so nothing is cached.
//!
//! Shape of a program: load the architecture, jump to its part; there, a binary search over ranges of numbers that share
//! a verdict; a number whose verdict depends on arguments ends in its own list of comparisons.

use super::syscalls::numbers;
use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompOperator,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One BPF instruction, in the kernel's `struct sock_filter` terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Instruction(pub(crate) u16, pub(crate) u8, pub(crate) u8, pub(crate) u32);

/// Why a filter cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// Only x86-64, i386 and arm64 numbers are known.
    #[error("the seccomp profile names no architecture that is known here")]
    NoArchitecture,
    /// `SCMP_ACT_NOTIFY` needs a listener, which is not offered.
    #[error("the seccomp action {0:?} is not supported")]
    Action(LinuxSeccompAction),
    /// Argument numbers go from 0 to 5.
    #[error("seccomp rule for `{name}` compares argument {index}; there are only 0 to 5")]
    Argument { name: String, index: usize },
    /// The kernel accepts 4096 instructions.
    #[error("the seccomp profile needs {0} instructions, the kernel accepts 4096")]
    TooLong(usize),
}

/// Compiles a profile for this machine.
///
/// Names that no known architecture has are skipped, as other runtimes do. Calls newer than the newest one in the profile
/// get `ENOSYS` in place of a default errno, so that programs fall back instead of failing.
///
/// **Source:** OCI runtime specification, `config-linux.md#seccomp`; runc `libcontainer/seccomp/patchbpf`.
pub(crate) fn compile(profile: &LinuxSeccomp) -> Result<Vec<Instruction>, SeccompError> {
    let parts = architectures(profile)?;
    let default = action(profile.default_action(), profile.default_errno_ret())?;
    let mut program = vec![load(OFFSET_ARCH)];
    for (audit, column) in parts {
        let rules = collect(profile, column)?;
        let body = part(&rules, default, column == X86_64);
        program.push(Instruction(JEQ, 1, 0, audit));
        program.push(Instruction(JA, 0, 0, body.len() as u32));
        program.extend(body);
    }
    // A foreign architecture: what libseccomp does with one that was not listed.
    program.push(ret(SECCOMP_RET_KILL_PROCESS));
    if program.len() > 4096 {
        return Err(SeccompError::TooLong(program.len()));
    }
    Ok(program)
}

const X86_64: usize = 0;
const OFFSET_NR: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGS: u32 = 16;
const X32_BIT: u32 = 0x4000_0000;

const LD: u16 = 0x20;
const JA: u16 = 0x05;
const JEQ: u16 = 0x15;
const JGT: u16 = 0x25;
const JGE: u16 = 0x35;
const AND: u16 = 0x54;
const RET: u16 = 0x06;

const SECCOMP_RET_KILL_PROCESS: u32 = 0x8000_0000;
const SECCOMP_RET_KILL_THREAD: u32 = 0;
const SECCOMP_RET_TRAP: u32 = 0x0003_0000;
const SECCOMP_RET_ERRNO: u32 = 0x0005_0000;
const SECCOMP_RET_TRACE: u32 = 0x7ff0_0000;
const SECCOMP_RET_LOG: u32 = 0x7ffc_0000;
const SECCOMP_RET_ALLOW: u32 = 0x7fff_0000;

/// What happens to one number: the lists of conditions tried in order, then the last word.
#[derive(Clone, Debug, Default, PartialEq)]
struct Verdict {
    conditional: Vec<(Vec<LinuxSeccompArg>, u32)>,
    flat: Option<u32>,
}

fn architectures(profile: &LinuxSeccomp) -> Result<Vec<(u32, usize)>, SeccompError> {
    const AUDIT_X86_64: u32 = 0xc000_003e;
    const AUDIT_I386: u32 = 0x4000_0003;
    const AUDIT_AARCH64: u32 = 0xc000_00b7;
    let native = if cfg!(target_arch = "aarch64") {
        (AUDIT_AARCH64, 2)
    } else {
        (AUDIT_X86_64, X86_64)
    };
    let mut parts = vec![native];
    for arch in profile.architectures().iter().flatten() {
        let part = match arch {
            Arch::ScmpArchX86 if cfg!(target_arch = "x86_64") => (AUDIT_I386, 1),
            Arch::ScmpArchX86_64 if cfg!(target_arch = "x86_64") => (AUDIT_X86_64, X86_64),
            Arch::ScmpArchAarch64 if cfg!(target_arch = "aarch64") => (AUDIT_AARCH64, 2),
            _ => continue,
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        Ok(parts)
    } else {
        Err(SeccompError::NoArchitecture)
    }
}

fn action(action: LinuxSeccompAction, errno: Option<u32>) -> Result<u32, SeccompError> {
    let data = errno.unwrap_or(libc::EPERM as u32) & 0xffff;
    Ok(match action {
        LinuxSeccompAction::ScmpActAllow => SECCOMP_RET_ALLOW,
        LinuxSeccompAction::ScmpActErrno => SECCOMP_RET_ERRNO | data,
        LinuxSeccompAction::ScmpActKill | LinuxSeccompAction::ScmpActKillThread => {
            SECCOMP_RET_KILL_THREAD
        }
        LinuxSeccompAction::ScmpActKillProcess => SECCOMP_RET_KILL_PROCESS,
        LinuxSeccompAction::ScmpActTrap => SECCOMP_RET_TRAP,
        LinuxSeccompAction::ScmpActTrace => SECCOMP_RET_TRACE | data,
        LinuxSeccompAction::ScmpActLog => SECCOMP_RET_LOG,
        LinuxSeccompAction::ScmpActNotify => return Err(SeccompError::Action(action)),
    })
}

fn collect(profile: &LinuxSeccomp, column: usize) -> Result<BTreeMap<u32, Verdict>, SeccompError> {
    let mut rules = BTreeMap::<u32, Verdict>::new();
    for rule in profile.syscalls().iter().flatten() {
        let result = action(rule.action(), rule.errno_ret())?;
        for name in rule.names() {
            let Some(number) = numbers(name)
                .map(|all| all[column])
                .and_then(|number| u32::try_from(number).ok())
            else {
                continue;
            };
            let verdict = rules.entry(number).or_default();
            match rule.args().as_deref() {
                None | Some([]) => {
                    verdict.flat.get_or_insert(result);
                }
                Some(args) => {
                    if let Some(arg) = args.iter().find(|arg| arg.index() > 5) {
                        return Err(SeccompError::Argument {
                            name: name.clone(),
                            index: arg.index(),
                        });
                    }
                    verdict.conditional.push((args.to_vec(), result));
                }
            }
        }
    }
    Ok(rules)
}

/// The code for one architecture.
fn part(rules: &BTreeMap<u32, Verdict>, default: u32, x86_64: bool) -> Vec<Instruction> {
    let mut code = vec![load(OFFSET_NR)];
    if x86_64 {
        // x32 calls carry a bit; kernels are built without that ABI nowadays and answer ENOSYS, so the filter does too.
        code.push(Instruction(JGE, 0, 1, X32_BIT));
        code.push(ret(SECCOMP_RET_ERRNO | libc::ENOSYS as u32));
    }
    let ranges = ranges(rules, default);
    code.extend(search(&ranges, default));
    code
}

/// Splits all numbers into ranges of one verdict: (first number, verdict), sorted, the first at 0.
fn ranges(rules: &BTreeMap<u32, Verdict>, default: u32) -> Vec<(u32, Verdict)> {
    let plain = |result| Verdict {
        conditional: Vec::new(),
        flat: Some(result),
    };
    let mut ranges: Vec<(u32, Verdict)> = Vec::new();
    let mut push = |at: u32, verdict: Verdict| {
        if ranges.last().is_none_or(|(_, last)| *last != verdict) {
            ranges.push((at, verdict));
        }
    };
    let mut next = 0;
    for (number, verdict) in rules {
        if next < *number {
            push(next, plain(default));
        }
        push(*number, verdict.clone());
        next = number + 1;
    }
    // An errno as default would make programs believe that a call newer than the profile exists but is forbidden.
    let unknown = if default & 0xffff_0000 == SECCOMP_RET_ERRNO {
        SECCOMP_RET_ERRNO | libc::ENOSYS as u32
    } else {
        default
    };
    push(next, plain(unknown));
    ranges
}

/// Binary search over ranges; falls through to nothing, every leaf returns.
fn search(ranges: &[(u32, Verdict)], default: u32) -> Vec<Instruction> {
    if let [(_, verdict)] = ranges {
        return leaf(verdict, default);
    }
    let middle = ranges.len() / 2;
    let low = search(&ranges[..middle], default);
    let high = search(&ranges[middle..], default);
    let mut code = Vec::with_capacity(low.len() + high.len() + 2);
    if let Ok(skip) = u8::try_from(low.len()) {
        code.push(Instruction(JGE, skip, 0, ranges[middle].0));
    } else {
        code.push(Instruction(JGE, 0, 1, ranges[middle].0));
        code.push(Instruction(JA, 0, 0, low.len() as u32));
    }
    code.extend(low);
    code.extend(high);
    code
}

/// Conditions in order, the first that holds decides.
fn leaf(verdict: &Verdict, default: u32) -> Vec<Instruction> {
    let mut code = Vec::new();
    for (args, result) in &verdict.conditional {
        // Each comparison is a block that falls through when it holds and jumps to the end of the list when not.
        let blocks: Vec<Vec<Compare>> = args.iter().map(compare).collect();
        let total: usize = blocks.iter().map(Vec::len).sum::<usize>() + 1;
        let mut at = 0;
        for block in blocks {
            let end = at + block.len();
            for step in block {
                at += 1;
                code.push(step.encode(end - at, total - at));
            }
        }
        code.push(ret(*result));
    }
    code.push(ret(verdict.flat.unwrap_or(default)));
    code
}

/// A step of a comparison with symbolic targets.
enum Compare {
    Plain(Instruction),
    /// Jump: opcode, operand, target when true, target when false.
    Jump(u16, u32, Target, Target),
}

#[derive(Clone, Copy)]
enum Target {
    Next,
    /// The comparison holds: behind its block.
    Holds,
    /// It does not: behind the whole list.
    Fails,
}

impl Compare {
    fn encode(self, to_end: usize, to_fail: usize) -> Instruction {
        let place = |target| match target {
            Target::Next => 0,
            Target::Holds => to_end as u8,
            Target::Fails => to_fail as u8,
        };
        match self {
            Self::Plain(instruction) => instruction,
            Self::Jump(code, operand, yes, no) => Instruction(code, place(yes), place(no), operand),
        }
    }
}

/// Compares a 64-bit argument, high half first: BPF has 32-bit registers.
fn compare(arg: &LinuxSeccompArg) -> Vec<Compare> {
    use Target::{Fails, Holds, Next};
    let offset = OFFSET_ARGS + 8 * arg.index() as u32;
    let (low, high) = (arg.value() as u32, (arg.value() >> 32) as u32);
    let load_high = Compare::Plain(load(offset + 4));
    let load_low = Compare::Plain(load(offset));
    let ordered = |code: u16, yes: Target, no: Target| {
        // Greater in the high half decides at once, smaller too; equal looks at the low half.
        vec![
            Compare::Plain(load(offset + 4)),
            Compare::Jump(JGT, high, yes, Next),
            Compare::Jump(JEQ, high, Next, no),
            Compare::Plain(load(offset)),
            Compare::Jump(code, low, yes, no),
        ]
    };
    match arg.op() {
        LinuxSeccompOperator::ScmpCmpEq => vec![
            load_high,
            Compare::Jump(JEQ, high, Next, Fails),
            load_low,
            Compare::Jump(JEQ, low, Holds, Fails),
        ],
        LinuxSeccompOperator::ScmpCmpNe => vec![
            load_high,
            Compare::Jump(JEQ, high, Next, Holds),
            load_low,
            Compare::Jump(JEQ, low, Fails, Holds),
        ],
        LinuxSeccompOperator::ScmpCmpGt => ordered(JGT, Holds, Fails),
        LinuxSeccompOperator::ScmpCmpGe => ordered(JGE, Holds, Fails),
        LinuxSeccompOperator::ScmpCmpLt => ordered(JGE, Fails, Holds),
        LinuxSeccompOperator::ScmpCmpLe => ordered(JGT, Fails, Holds),
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            let (wanted_low, wanted_high) = (
                arg.value_two().unwrap_or(0) as u32,
                (arg.value_two().unwrap_or(0) >> 32) as u32,
            );
            vec![
                load_high,
                Compare::Plain(Instruction(AND, 0, 0, high)),
                Compare::Jump(JEQ, wanted_high & high, Next, Fails),
                load_low,
                Compare::Plain(Instruction(AND, 0, 0, low)),
                Compare::Jump(JEQ, wanted_low & low, Holds, Fails),
            ]
        }
    }
}

fn load(offset: u32) -> Instruction {
    Instruction(LD, 0, 0, offset)
}

fn ret(value: u32) -> Instruction {
    Instruction(RET, 0, 0, value)
}

#[cfg(test)]
mod tests {
    use super::super::profile::default_profile;
    use super::*;
    use oci_spec::runtime::Capability;
    use std::collections::HashSet;

    /// Runs a program as the kernel does.
    fn run(program: &[Instruction], arch: u32, number: u32, args: [u64; 6]) -> u32 {
        let mut data = [0_u8; 64];
        data[..4].copy_from_slice(&number.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (at, arg) in args.iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&arg.to_le_bytes());
        }
        let (mut at, mut register) = (0_usize, 0_u32);
        loop {
            let Instruction(code, yes, no, operand) = program[at];
            at += 1;
            let mut jump = |holds: bool| at += usize::from(if holds { yes } else { no });
            match code {
                LD => {
                    register =
                        u32::from_le_bytes(data[operand as usize..][..4].try_into().unwrap());
                }
                AND => register &= operand,
                JEQ => jump(register == operand),
                JGT => jump(register > operand),
                JGE => jump(register >= operand),
                JA => at += operand as usize,
                RET => return operand,
                other => panic!("unknown instruction {other:#x}"),
            }
        }
    }

    fn x86(program: &[Instruction], name: &str, args: [u64; 6]) -> u32 {
        run(program, 0xc000_003e, numbers(name).unwrap()[0] as u32, args)
    }

    const EPERM: u32 = SECCOMP_RET_ERRNO | 1;
    const ENOSYS: u32 = SECCOMP_RET_ERRNO | 0x26;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn docker_verdicts_without_capabilities() {
        let program = compile(&default_profile(&HashSet::new())).unwrap();
        let none = [0; 6];
        for name in [
            "read",
            "openat2",
            "execve",
            "clock_gettime",
            "ptrace",
            "statx",
            "futex_waitv",
            "arch_prctl",
        ] {
            assert_eq!(x86(&program, name, none), SECCOMP_RET_ALLOW, "{name}");
        }
        for name in [
            "mount",
            "umount2",
            "unshare",
            "setns",
            "bpf",
            "kexec_load",
            "init_module",
            "reboot",
            "keyctl",
            "add_key",
            "request_key",
            "userfaultfd",
            "io_uring_setup",
            "open_by_handle_at",
            "swapon",
            "acct",
            "chroot",
            "fsopen",
            "move_mount",
            "perf_event_open",
            "syslog",
            "iopl",
            "settimeofday",
            "pivot_root",
            "quotactl",
            "vhangup",
        ] {
            assert_eq!(x86(&program, name, none), EPERM, "{name}");
        }
        assert_eq!(x86(&program, "clone3", none), ENOSYS);
        assert_eq!(x86(&program, "clone", none), SECCOMP_RET_ALLOW);
        assert_eq!(x86(&program, "clone", [0x1000_0000, 0, 0, 0, 0, 0]), EPERM);
        assert_eq!(
            x86(&program, "socket", [2, 0, 0, 0, 0, 0]),
            SECCOMP_RET_ALLOW
        );
        assert_eq!(x86(&program, "socket", [38, 0, 0, 0, 0, 0]), EPERM);
        assert_eq!(
            x86(&program, "socket", [39, 0, 0, 0, 0, 0]),
            SECCOMP_RET_ALLOW
        );
        assert_eq!(x86(&program, "socket", [40, 0, 0, 0, 0, 0]), EPERM);
        assert_eq!(
            x86(&program, "socket", [41, 0, 0, 0, 0, 0]),
            SECCOMP_RET_ALLOW
        );
        assert_eq!(
            x86(&program, "personality", [0xffff_ffff, 0, 0, 0, 0, 0]),
            SECCOMP_RET_ALLOW
        );
        assert_eq!(x86(&program, "personality", [1, 0, 0, 0, 0, 0]), EPERM);
        assert_eq!(
            x86(&program, "personality", [0x1_0000_0008, 0, 0, 0, 0, 0]),
            EPERM
        );
        assert_eq!(run(&program, 0xc000_003e, 900, none), ENOSYS);
        assert_eq!(run(&program, 0xc000_003e, X32_BIT | 1, none), ENOSYS);
        // i386: open is 5, mount is 21; arm code is foreign here.
        assert_eq!(run(&program, 0x4000_0003, 5, none), SECCOMP_RET_ALLOW);
        assert_eq!(run(&program, 0x4000_0003, 21, none), EPERM);
        assert_eq!(
            run(&program, 0x4000_0028, 5, none),
            SECCOMP_RET_KILL_PROCESS
        );
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_capability_opens_its_calls() {
        let program = compile(&default_profile(&HashSet::from([
            Capability::SysAdmin,
            Capability::SysChroot,
        ])))
        .unwrap();
        for name in ["mount", "unshare", "clone3", "clone", "chroot", "setns"] {
            assert_eq!(
                x86(&program, name, [0x1000_0000, 0, 0, 0, 0, 0]),
                SECCOMP_RET_ALLOW,
                "{name}"
            );
        }
        assert_eq!(x86(&program, "reboot", [0; 6]), EPERM);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_number_gets_the_verdict_of_a_plain_list_walk() {
        let profile = default_profile(&HashSet::new());
        let program = compile(&profile).unwrap();
        let rules = collect(&profile, X86_64).unwrap();
        let newest = *rules.keys().last().unwrap();
        for number in 0..=newest {
            let expected = match rules.get(&number) {
                None => EPERM,
                Some(verdict) if verdict.conditional.is_empty() => verdict.flat.unwrap(),
                Some(_) => continue,
            };
            assert_eq!(
                run(&program, 0xc000_003e, number, [0; 6]),
                expected,
                "{number}"
            );
        }
    }
}
