//! Random inputs made of pieces of real files.

/// A small generator of numbers; the same seed gives the same inputs.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number below `end`; 0 when that is 0. **Source:** Marsaglia, "Xorshift RNGs".
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> Option<&'a T> {
        list.get(self.below(list.len())).copied()
    }
}

/// Pieces that mean something in the language.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\\\n",
    b" \\\n  ",
    b"`\n",
    b"# escape=`\n",
    b"# syntax=x\n",
    b"# c\n",
    b"\n\n\n\n",
    b" ",
    b"\t",
    b"\xa0",
    b"\xc2\xa0",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
    b"\x0c",
    b"\"",
    b"'",
    b"[\"a\",\"b\"]",
    b"[",
    b"]",
    b",",
    b"=",
    b"$",
    b"${",
    b"}",
    b"$x",
    b"${x:-y}",
    b"<<EOF",
    b"<<-'E'",
    b"EOF\n",
    b"E\n",
    b"&&",
    b"||",
    b";",
    b"|",
    b"(",
    b")",
    b"$(",
    b"`",
    b"if a; then b; fi",
    b"\\",
    b"--mount=type=cache,target=/x ",
    b"--from=0 ",
    b"--",
    b"FROM a AS b\n",
    b"RUN ",
    b"COPY ",
    b"ADD ",
    b"ENV ",
    b"ARG ",
    b"LABEL ",
    b"ONBUILD ",
    b"HEALTHCHECK CMD ",
    b"SHELL [\"/bin/bash\", \"-c\"]\n",
    b"CMD ",
    b"EXPOSE 80 ",
    b"apt-get install -y b a",
    b"cd x",
    b"# check=skip=all\n",
    b"# hadolint ignore=DL3006\n",
];

/// An input: some lines of one of `files`, changed in a few places.
pub fn input(random: &mut Random, files: &[Vec<u8>]) -> Vec<u8> {
    let mut text = lines(random, files);
    for _ in 0..random.below(12) {
        change(random, files, &mut text);
    }
    text
}

/// Up to forty lines in a row of a file.
fn lines(random: &mut Random, files: &[Vec<u8>]) -> Vec<u8> {
    let Some(file) = files.get(random.below(files.len())) else {
        return Vec::new();
    };
    let lines: Vec<&[u8]> = file.split_inclusive(|b| *b == b'\n').collect();
    let start = random.below(lines.len());
    let end = (start + random.below(40)).min(lines.len());
    lines[start.min(end)..end].concat()
}

fn change(random: &mut Random, files: &[Vec<u8>], text: &mut Vec<u8>) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(12)).min(text.len());
    match random.below(6) {
        0 => drop(text.drain(at..end)),
        1 => {
            let copy = text[at..end].to_vec();
            let to = random.below(text.len() + 1);
            text.splice(to..to, copy);
        }
        2 => {
            let more = lines(random, files);
            text.splice(at..at, more);
        }
        3 => {
            if let Some(byte) = text.get_mut(at) {
                *byte = random.below(256) as u8;
            }
        }
        _ => {
            let piece = random.pick(PIECES).unwrap_or_default();
            text.splice(at..at, piece.iter().copied());
        }
    }
}
