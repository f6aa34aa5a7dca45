//! Findings of many files in the formats that people and programs read.

mod checkstyle;
mod codeclimate;
mod github;
mod gnu;
mod human;
mod json;
mod junit;
mod place;
mod sarif;

pub use human::{faulty, rule_page};
pub use json::{array, rule};

use super::Paint;
use crate::value::LintView;

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// With the lines they are about
    #[default]
    Human,
    /// A line each, as compilers write them
    Gnu,
    /// An array
    Json,
    /// SARIF 2.1.0: code scanning
    Sarif,
    /// Checkstyle's XML
    Checkstyle,
    /// Code Climate's, which GitLab reads
    #[value(alias = "gitlab")]
    Codeclimate,
    /// JUnit's XML
    Junit,
    /// Annotations of GitHub's workflows
    Github,
}

impl LintView {
    /// The findings as the command line asks for them.
    pub fn text(&self, paint: Paint) -> String {
        match self.format {
            Format::Human => human::text(self, paint),
            Format::Gnu => gnu::text(self),
            Format::Json => pretty(&json::array(self)),
            Format::Sarif => pretty(&sarif::log(self)),
            Format::Checkstyle => checkstyle::text(self),
            Format::Codeclimate => pretty(&codeclimate::array(self)),
            Format::Junit => junit::text(self),
            Format::Github => github::text(self),
        }
    }
}

fn pretty(json: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(json).expect("JSON values have string keys");
    format!("{text}\n")
}

/// Text as the value of an XML attribute or between tags. What XML has no letters for becomes U+FFFD. **Source:** XML 1.0,
/// sections 2.2 and 2.4.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", letter as u32)),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_text_breaks_out_of_an_attribute() {
        assert_eq!(
            super::xml("a<b> & \"c\"\n\x1b"),
            "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}"
        );
    }
}
