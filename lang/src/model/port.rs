//! Ports of `EXPOSE`.

/// One spec `[ip:][host:]container[/proto]` with ranges expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// `80/tcp`, in ascending order of the range.
    pub ports: Vec<String>,
    /// The spec names an IP address or a host port.
    pub has_host: bool,
}

impl PortSpec {
    /// Parses one word of `EXPOSE` after expansion.
    ///
    /// # Errors
    /// The official text.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let _ = spec;
        todo!()
    }
}

/// Ports of several specs, each once, in order.
///
/// # Errors
/// The official text for the first bad spec.
pub fn parse_all<S: AsRef<str>>(specs: &[S]) -> Result<Vec<String>, String> {
    let _ = specs;
    todo!()
}
