//! Values beside the variables that stand for them, for editors that show such hints.

use super::File;
use crate::text::TextRange;

/// A use of a variable whose value is known from the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineValue {
    /// The use, `${}` included.
    pub range: TextRange,
    /// The value at that place.
    pub value: String,
}

/// The values of the variables used in `range`, in the order of the text. What only the command line or the base
/// image tells is missing, and uses that change the value (`${name%.*}`).
///
/// ```
/// use cooperage_lang::ide::{File, values::inline_values};
/// use cooperage_lang::text::TextRange;
/// let file = File::new(b"FROM a\nARG V=1\nENV W=$V.2\nRUN echo $W\n".to_vec());
/// let values: Vec<_> = inline_values(&file, TextRange::new(0, 38)).into_iter().map(|v| v.value).collect();
/// assert_eq!(values, ["1", "1.2"]);
/// ```
pub fn inline_values(file: &File, range: TextRange) -> Vec<InlineValue> {
    let names = file.names();
    let known = names.known_values(file, range);
    let is_plain = |range: TextRange| {
        let text = file.text(range);
        !text.starts_with(b"${") || text.ends_with(b"}")
    };
    known
        .into_iter()
        .map(|(used, value)| InlineValue {
            range: names.get(used).whole,
            value,
        })
        .filter(|found| is_plain(found.range))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::ByteSlice;

    #[test]
    fn only_what_the_reader_has_is_shown() {
        let text = concat!(
            "ARG G=1\n",
            "FROM a:$G\n",
            "ARG A=2\n",
            "ENV E=$A$G\n",
            "RUN echo $A ${E} $PATH\n",
            "RUN A=3; echo $A\n",
            "RUN [\"echo\", \"$A\"]\n",
            "CMD echo $A $E\n",
            "ONBUILD CMD $A\n",
            "ARG T\n",
            "USER $T${A%2}$A\n",
        );
        let file = File::new(text.as_bytes().to_vec());
        let all = TextRange::new(0, text.len() as u32);
        let show = |v: InlineValue| format!("{}={}", file.text(v.range).as_bstr(), v.value);
        let shown: Vec<_> = inline_values(&file, all).into_iter().map(show).collect();
        assert_eq!(shown, ["$G=1", "$A=2", "$A=2", "$A=2"]);
        let user = TextRange::new(text.len() as u32 - 3, text.len() as u32);
        assert_eq!(inline_values(&file, user).len(), 1);
    }
}
