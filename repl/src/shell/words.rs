//! Command lines cut into words, with the quoting of a shell and `${expression}`.

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// The expression of `${…}`.
    Expression(String),
}

/// Why a line has no words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    #[error("a quote is not closed")]
    OpenQuote,
    #[error("`${{` is not closed")]
    OpenExpression,
}

/// Cuts a line into words of pieces. Single quotes are literal; double quotes keep blanks; a backslash takes the next
/// letter as it is, and a line end behind it away.
pub fn pieces(line: &str) -> Result<Vec<Vec<Piece>>, WordError> {
    let mut words = Vec::new();
    let mut word: Option<Vec<Piece>> = None;
    let mut quote = None;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match (letter, quote) {
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => match rest.chars().next() {
                Some('\n') => rest = &rest[1..],
                Some(next) if quote.is_none() || matches!(next, '"' | '\\' | '$') => {
                    rest = &rest[next.len_utf8()..];
                    push(word.get_or_insert_default(), next);
                }
                _ => push(word.get_or_insert_default(), '\\'),
            },
            ('$', None | Some('"')) if rest.starts_with('{') => {
                let end = closing_brace(&rest[1..]).ok_or(WordError::OpenExpression)?;
                word.get_or_insert_default()
                    .push(Piece::Expression(rest[1..=end].to_owned()));
                rest = &rest[end + 2..];
            }
            (letter, _) => push(word.get_or_insert_default(), letter),
        }
    }
    if quote.is_some() {
        return Err(WordError::OpenQuote);
    }
    words.extend(word);
    Ok(words)
}

/// Cuts a line without expressions into words; `${…}` stays as it is written.
pub fn split(line: &str) -> Result<Vec<String>, WordError> {
    let join = |pieces: Vec<Piece>| {
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Expression(text) => format!("${{{text}}}"),
            })
            .collect()
    };
    Ok(pieces(line)?.into_iter().map(join).collect())
}

fn push(word: &mut Vec<Piece>, letter: char) {
    match word.last_mut() {
        Some(Piece::Text(text)) => text.push(letter),
        _ => word.push(Piece::Text(letter.to_string())),
    }
}

/// Offset of the brace that closes an expression; braces inside it and in its texts do not count.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        if let Some(open) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                letter if letter == open => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '"' | '`' | '\'' => quote = Some(letter),
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together() {
        for (line, words) in [
            ("build -t blog .", &["build", "-t", "blog", "."][..]),
            (
                r#"run "a b" 'c "d"' e\ f"#,
                &["run", "a b", "c \"d\"", "e f"],
            ),
            (r#"x "" y"#, &["x", "", "y"]),
            ("a \\\n b", &["a", "b"]),
            (r#""\n \" \$""#, &["\\n \" $"]),
            (r"\${x}", &["${x}"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        assert_eq!(split("a 'b"), Err(WordError::OpenQuote));
    }

    #[test]
    fn expressions_are_found_in_words() {
        let found = pieces(r#"tag ${f("}") + `{`} x${#{a: 1}.a}y"#).unwrap();
        assert_eq!(found[1], [Piece::Expression("f(\"}\") + `{`".into())]);
        assert_eq!(
            found[2],
            [
                Piece::Text("x".into()),
                Piece::Expression("#{a: 1}.a".into()),
                Piece::Text("y".into())
            ]
        );
        assert_eq!(pieces("a ${b"), Err(WordError::OpenExpression));
        assert_eq!(pieces("'${b}'").unwrap()[0], [Piece::Text("${b}".into())]);
    }
}
