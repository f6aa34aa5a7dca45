//! File modes of `--chmod`: octal or symbolic.

/// A checked change of permission bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeChange {
    text: String,
}

impl ModeChange {
    /// Parses `0755` or `u=rwX,go-w`.
    ///
    /// # Errors
    /// `invalid chmod parameter: 'x'. it should be octal string and between 0 and 07777`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let _ = text;
        todo!()
    }

    /// New permission bits (12, set-id and sticky included) of a file that has `mode`.
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        let _ = (mode, is_dir);
        todo!()
    }

    /// The bits when octal: the result for every file.
    pub fn octal(&self) -> Option<u32> {
        todo!()
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
