//! Texts with places to fill in: `${1:name}`, `$1`, `$0`; `\$` is a dollar sign.

/// The text without its places: their names stay, the last place (`$0`) goes.
///
/// A choice, `${1|a,b|}`, gives its first value.
pub(super) fn plain(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if rest.as_bytes()[at] == b'\\' {
            let escaped = behind.chars().next();
            out.extend(escaped);
            rest = &behind[escaped.map_or(0, char::len_utf8)..];
        } else if let Some((name, after)) = place(behind) {
            out.push_str(name);
            rest = after;
        } else {
            out.push('$');
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

/// The first line up to the first place, without a word that the place is part of: what is left when nothing can be
/// filled in.
pub(super) fn head(template: &str) -> &str {
    let line = template.lines().next().unwrap_or_default();
    let Some(at) = line.find('$') else {
        return line;
    };
    let head = &line[..at];
    let end = head.rfind(' ').unwrap_or(at);
    head[..end].trim_end()
}

/// Reads a place behind its `$`: its name, and what follows.
fn place(text: &str) -> Option<(&str, &str)> {
    let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let Some(inner) = text.strip_prefix('{') else {
        let n = digits(text);
        return (n > 0).then(|| ("", &text[n..]));
    };
    let n = digits(inner);
    let (inside, after) = inner[n..].split_once('}')?;
    let name = match inside.as_bytes() {
        [] => "",
        [b':', ..] => &inside[1..],
        [b'|', ..] => inside[1..].split([',', '|']).next().unwrap_or_default(),
        _ => return None,
    };
    Some((name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_their_names() {
        assert_eq!(plain("COPY ${1:a} ${2|b,c|} $3$0 \\$x"), "COPY a b  $x");
        assert_eq!(plain("a $ b ${c}"), "a $ b ${c}");
    }

    #[test]
    fn heads_are_whole_words() {
        assert_eq!(head("HEALTHCHECK --interval=${1:30s} CMD"), "HEALTHCHECK");
        assert_eq!(head("HEALTHCHECK CMD ${1:x}"), "HEALTHCHECK CMD");
        assert_eq!(head("HEALTHCHECK NONE"), "HEALTHCHECK NONE");
        assert_eq!(head("RUN <<EOF\n$0\nEOF"), "RUN <<EOF");
        assert_eq!(head("CMD [\"${1:x}\"]"), "CMD");
    }
}
