//! The name of an image as it is written, variables and all.

use bstr::ByteSlice;

/// Parts of a name like `registry.example.com/team/app:1.2@sha256:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageName<'t> {
    /// First part, when it can be a host.
    pub(super) registry: Option<&'t [u8]>,
    /// Path without the registry.
    pub(super) name: &'t [u8],
    pub(super) tag: Option<&'t [u8]>,
    pub(super) has_digest: bool,
}

impl<'t> ImageName<'t> {
    /// Takes a name apart by its punctuation. A variable is read as part of where it stands.
    pub(super) fn parse(text: &'t [u8]) -> Self {
        let (rest, has_digest) = match text.find_byte(b'@') {
            Some(at) => (&text[..at], true),
            None => (text, false),
        };
        let (registry, path) = match rest.find_byte(b'/') {
            Some(slash) if is_host(&rest[..slash]) => (Some(&rest[..slash]), &rest[slash + 1..]),
            _ => (None, rest),
        };
        let (name, tag) = match tag_start(path) {
            Some(colon) => (&path[..colon], Some(&path[colon + 1..])),
            None => (path, None),
        };
        Self {
            registry,
            name,
            tag,
            has_digest,
        }
    }

    /// The name is, or begins with, a variable.
    pub(super) fn is_variable(&self) -> bool {
        self.name.starts_with(b"$")
    }
}

/// **Source:** `distribution/reference`, `splitDockerDomain`.
fn is_host(text: &[u8]) -> bool {
    text == b"localhost" || (!text.starts_with(b"$") && text.find_byteset(b".:").is_some())
}

/// The first colon outside braces: `${IMAGE:-debian}:12` has its tag behind them.
fn tag_start(path: &[u8]) -> Option<usize> {
    let mut depth = 0_u32;
    path.iter().position(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *byte == b':' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_their_parts() {
        let parts = |text: &'static str| {
            let name = ImageName::parse(text.as_bytes());
            let lossy = |part: Option<&[u8]>| part.map(|p| p.to_str_lossy().into_owned());
            format!(
                "{}|{}|{}|{}",
                lossy(name.registry).unwrap_or_default(),
                name.name.as_bstr(),
                lossy(name.tag).unwrap_or_default(),
                name.has_digest
            )
        };
        assert_eq!(parts("debian"), "|debian||false");
        assert_eq!(parts("localhost/a:1"), "localhost|a|1|false");
        assert_eq!(parts("r.io:5000/a/b:1@sha256:ab"), "r.io:5000|a/b|1|true");
        assert_eq!(parts("library/a"), "|library/a||false");
        assert_eq!(
            parts("${IMAGE:-debian}:${TAG:-1}"),
            "|${IMAGE:-debian}|${TAG:-1}|false"
        );
        assert_eq!(parts("$REGISTRY.io/a"), "|$REGISTRY.io/a||false");
    }
}
