//! Signals of `STOPSIGNAL` and `kill`.

/// A Linux signal by number, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

impl Signal {
    /// Parses a number other than 0, or a name with or without `SIG` in any case.
    ///
    /// # Errors
    /// `invalid signal: FOO`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let _ = text;
        todo!()
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Its name without `SIG`, when it has one.
    pub fn name(self) -> Option<&'static str> {
        todo!()
    }
}
