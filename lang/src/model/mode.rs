//! File modes of `--chmod`: octal or symbolic.
//!
//! **Source:** BuildKit `dockerfile2llb`, `dispatchCopy`; BSD setmode(3), whose rules the reference's symbolic modes
//! follow, with an empty umask.

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHER: u32 = 0o007;
const STICKY: u32 = 0o1000;
const SET_ID: u32 = 0o6000;
/// What `=` clears when it names nobody: all but the sticky bit.
const STANDARD: u32 = USER | GROUP | OTHER;
const ALL: u32 = STANDARD | STICKY;

/// A checked change of permission bits.
///
/// ```
/// use cooperage_lang::model::mode::ModeChange;
/// assert_eq!(ModeChange::parse("0755").unwrap().apply(0o600, false), 0o755);
/// let change = ModeChange::parse("u=rwX,go-w").unwrap();
/// assert_eq!(change.apply(0o666, false), 0o644);
/// assert_eq!(ModeChange::parse("a+X").unwrap().apply(0o640, true), 0o751);
/// assert!(ModeChange::parse("10000").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeChange {
    text: String,
    commands: Vec<Command>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    /// All bits at once.
    Assign(u32),
    Set(u32),
    Clear(u32),
    /// Sets the bits of folders and of files that anybody may execute already.
    SetIfExecutable(u32),
    /// Takes the three bits of one class for the classes in `to`.
    Copy {
        from: u8,
        to: u32,
        operator: u8,
    },
}

impl ModeChange {
    /// Parses `0755` or `u=rwX,go-w`.
    ///
    /// # Errors
    /// `invalid chmod parameter: 'x'. it should be octal string and between 0 and 07777`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let commands = match text.bytes().next() {
            Some(b'0'..=b'9') => parse_octal(text).map(|bits| vec![Command::Assign(bits)]),
            _ => parse_symbolic(text.as_bytes()),
        };
        let commands = commands.ok_or_else(|| {
            format!("invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
        })?;
        Ok(Self {
            text: text.to_owned(),
            commands,
        })
    }

    /// New permission bits (12, set-id and sticky included) of a file that has `mode`.
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        let old = mode & ALL;
        self.commands
            .iter()
            .fold(old, |bits, command| match *command {
                Command::Assign(new) => new,
                Command::Set(set) => bits | set,
                Command::Clear(clear) => bits & !clear,
                Command::SetIfExecutable(set) if is_dir || old & 0o111 != 0 => bits | set,
                Command::SetIfExecutable(_) => bits,
                Command::Copy { from, to, operator } => copy_class(bits, from, to, operator),
            })
    }

    /// The bits when octal: the result for every file.
    pub fn octal(&self) -> Option<u32> {
        match self.commands[..] {
            [Command::Assign(bits)] => Some(bits),
            _ => None,
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn copy_class(bits: u32, from: u8, to: u32, operator: u8) -> u32 {
    let value = match from {
        b'u' => bits >> 6,
        b'g' => bits >> 3,
        _ => bits,
    } & 7;
    // Each class in `to` gets the three bits at its place.
    let spread = |value: u32| ((value << 6) | (value << 3) | value) & to & 0o777;
    match operator {
        b'+' => bits | spread(value),
        b'-' => bits & !spread(value),
        _ => (bits & !spread(7)) | spread(value),
    }
}

fn parse_octal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|bits| *bits <= ALL)
}

fn parse_symbolic(text: &[u8]) -> Option<Vec<Command>> {
    let mut commands = Vec::new();
    for clause in text.split(|b| *b == b',') {
        let mut rest = clause;
        let mut who = 0;
        while let [class @ (b'a' | b'u' | b'g' | b'o'), tail @ ..] = rest {
            who |= match class {
                b'a' => STANDARD,
                b'u' => USER,
                b'g' => GROUP,
                _ => OTHER,
            };
            rest = tail;
        }
        if rest.is_empty() {
            return None;
        }
        while let [operator @ (b'+' | b'-' | b'='), tail @ ..] = rest {
            rest = parse_action(who, *operator, tail, &mut commands);
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(commands)
}

/// Reads the permissions behind an operator; returns what follows them.
fn parse_action<'a>(
    who: u32,
    operator: u8,
    text: &'a [u8],
    commands: &mut Vec<Command>,
) -> &'a [u8] {
    let mut who = who;
    let mut rest = text;
    let (mut permissions, mut executable, mut assigned) = (0, 0, false);
    // Set-id and sticky bits mean nothing to "other" alone.
    let special = who == 0 || who & !OTHER != 0;
    while let [symbol, tail @ ..] = rest {
        match symbol {
            b'r' => permissions |= 0o444,
            b'w' => permissions |= 0o222,
            b'x' => permissions |= 0o111,
            b's' if special => permissions |= SET_ID,
            b't' if special => {
                // Naming the sticky bit lets the clause change it.
                who |= STICKY;
                permissions |= STICKY;
            }
            b'X' if operator == b'+' => executable = 0o111,
            b's' | b't' | b'X' => {}
            b'u' | b'g' | b'o' => {
                if permissions != 0 {
                    push(commands, who, operator, permissions);
                    permissions = 0;
                }
                assigned = true;
                if executable != 0 {
                    commands.push(Command::SetIfExecutable(scope(who) & executable));
                    executable = 0;
                }
                let to = if who & STANDARD == 0 { ALL } else { who };
                commands.push(Command::Copy {
                    from: *symbol,
                    to,
                    operator,
                });
            }
            _ => break,
        }
        rest = tail;
    }
    if permissions != 0 || (operator == b'=' && !assigned) {
        push(commands, who, operator, permissions);
    }
    if executable != 0 {
        commands.push(Command::SetIfExecutable(scope(who) & executable));
    }
    rest
}

fn push(commands: &mut Vec<Command>, who: u32, operator: u8, permissions: u32) {
    let bits = scope(who) & permissions;
    match operator {
        b'+' => commands.push(Command::Set(bits)),
        b'-' => commands.push(Command::Clear(bits)),
        _ => commands.extend([
            Command::Clear(if who == 0 { STANDARD } else { who }),
            Command::Set(bits),
        ]),
    }
}

/// Bits that a clause may set.
fn scope(who: u32) -> u32 {
    if who == 0 { ALL } else { who }
}

#[cfg(test)]
mod tests {
    use super::ModeChange;

    #[test]
    fn symbolic_modes_follow_setmode() {
        for (text, mode, is_dir, expected) in [
            ("=rw,+X", 0o755, false, 0o777),
            ("=rw,+X", 0o644, false, 0o666),
            ("go=", 0o777, false, 0o700),
            ("go=u-w", 0o750, false, 0o755),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("o+s", 0o755, false, 0o755),
            ("u-s", 0o4755, false, 0o755),
            ("+X", 0o600, true, 0o711),
            ("-X", 0o711, true, 0o711),
            ("g=u", 0o640, false, 0o660),
            ("u+x-r", 0o644, false, 0o344),
            ("a=r", 0o7777, false, 0o1444),
        ] {
            let change = ModeChange::parse(text).unwrap();
            assert_eq!(change.apply(mode, is_dir), expected, "{text} on {mode:o}");
        }
    }

    #[test]
    fn malformed_modes_are_refused() {
        for text in [
            "", "8", "07778", "10000", "u", "rwx", "u+r,", "u+q", "+", "u+r z", "-1",
        ] {
            let accepted = ModeChange::parse(text).is_ok();
            assert_eq!(accepted, text == "+", "{text}");
        }
    }
}
