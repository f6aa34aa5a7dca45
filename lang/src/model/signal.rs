//! Signals of `STOPSIGNAL` and `kill`. **Source:** `moby/sys/signal`, Linux signal(7).

/// A signal by its Linux number. A number may be one that no kernel knows, as in the reference; it is never 0.
///
/// ```
/// use cooperage_lang::model::signal::Signal;
/// assert_eq!(Signal::parse("sigterm").unwrap().number(), 15);
/// assert_eq!(Signal::parse("RTMIN+2").unwrap().number(), 36);
/// assert_eq!(Signal::parse("9").unwrap().name(), Some("KILL"));
/// assert_eq!(Signal::parse("SIGFOO").unwrap_err(), "invalid signal: SIGFOO");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Names without `SIG`; of several names of one number the usual one comes first.
const NAMES: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("RTMIN", RTMIN),
    ("RTMAX", RTMAX),
];

/// What the signals do that a program is usually asked to end with, and those that cannot serve for it.
const MEANINGS: &[(i32, &str)] = &[
    (
        1,
        "The terminal is gone; many servers read their settings again.",
    ),
    (
        2,
        "Interrupt, as by Ctrl-C; databases such as PostgreSQL shut down fast.",
    ),
    (3, "Quit; nginx and php-fpm finish open requests."),
    (9, "Kill: cannot be caught, so nothing is cleaned up."),
    (10, "For the program's own use."),
    (12, "For the program's own use."),
    (15, "The request to end; the default."),
    (19, "Stop: cannot be caught and does not end the program."),
    (
        28,
        "The window's size changed; Apache httpd finishes open requests.",
    ),
    (37, "RTMIN+3: systemd halts."),
];

impl Signal {
    /// Every signal with a name of its own, the usual name first: names with `SIG`, and numbers.
    pub fn names() -> impl Iterator<Item = (String, Self)> {
        NAMES
            .iter()
            .map(|(name, number)| (format!("SIG{name}"), Self(*number)))
    }

    /// What a program does on it, where there is something to say.
    pub fn meaning(self) -> Option<&'static str> {
        MEANINGS
            .iter()
            .find(|(number, _)| *number == self.0)
            .map(|(_, meaning)| *meaning)
    }

    /// Parses a number other than 0, or a name with or without `SIG` in any case.
    ///
    /// # Errors
    /// `invalid signal: FOO`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = match text.parse::<i32>() {
            Ok(number) => Some(number).filter(|n| *n != 0),
            Err(_) => number_of(&text.to_uppercase()),
        };
        number
            .map(Self)
            .ok_or_else(|| format!("invalid signal: {text}"))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Its name without `SIG`, when it has one of its own.
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(_, n)| *n == self.0)
            .map(|(name, _)| *name)
    }
}

fn number_of(upper: &str) -> Option<i32> {
    let name = upper.strip_prefix("SIG").unwrap_or(upper);
    if let Some((_, number)) = NAMES.iter().find(|(n, _)| *n == name) {
        return Some(*number);
    }
    // RTMIN+1 to RTMIN+15 and RTMAX-14 to RTMAX-1, spelled without zeros in front.
    let offset = |text: &str, limit: i32| {
        let n: i32 = text.parse().ok()?;
        ((1..=limit).contains(&n) && n.to_string() == text).then_some(n)
    };
    match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
        (Some(n), _) => offset(n, 15).map(|n| RTMIN + n),
        (_, Some(n)) => offset(n, 14).map(|n| RTMAX - n),
        _ => None,
    }
}
