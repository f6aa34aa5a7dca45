//! The few facts of an ELF file that tell what it needs to run.

/// What a program or library needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// `PT_INTERP`: the loader.
    pub(super) interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    pub(super) libraries: Vec<String>,
    /// `DT_RPATH`, parted at colons.
    pub(super) rpath: Vec<String>,
    /// `DT_RUNPATH`, parted at colons.
    pub(super) runpath: Vec<String>,
    /// 32 or 64 bit, byte order and machine: only files that agree can be loaded together.
    pub(super) kind: FileKind,
}

/// Class, byte order and machine of an ELF file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileKind {
    pub(super) wide: bool,
    pub(super) big_endian: bool,
    pub(super) machine: u16,
}

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// Reads an ELF file; `None` when it is none or is damaged.
///
/// **Source:** System V ABI, *Program Header* and *Dynamic Section*.
pub(super) fn needs(bytes: &[u8]) -> Option<Needs> {
    let file = Reader::new(bytes)?;
    let mut needs = Needs {
        kind: file.kind,
        ..Needs::default()
    };
    let mut dynamic = None;
    let mut loads = Vec::new();
    for segment in file.segments()? {
        match segment.kind {
            PT_LOAD => loads.push(segment),
            PT_DYNAMIC => dynamic = Some(segment),
            PT_INTERP => {
                let text = bytes
                    .get(segment.offset as usize..)?
                    .get(..segment.size as usize)?;
                needs.interpreter = Some(text_of(text)?);
            }
            _ => {}
        }
    }
    let Some(dynamic) = dynamic else {
        return Some(needs);
    };
    let entries = file.dynamic(&dynamic)?;
    let Some(table) = entries
        .iter()
        .find(|(tag, _)| *tag == DT_STRTAB)
        .map(|(_, address)| *address)
    else {
        return Some(needs);
    };
    let load = loads
        .iter()
        .find(|s| s.address <= table && table - s.address < s.size)?;
    let strings = bytes.get((load.offset + (table - load.address)) as usize..)?;
    for (tag, value) in entries {
        let text = || strings.get(value as usize..).and_then(text_of);
        match tag {
            DT_NEEDED => needs.libraries.push(text()?),
            DT_RPATH => needs.rpath.extend(text()?.split(':').map(str::to_owned)),
            DT_RUNPATH => needs.runpath.extend(text()?.split(':').map(str::to_owned)),
            _ => {}
        }
    }
    Some(needs)
}

struct Segment {
    kind: u64,
    offset: u64,
    address: u64,
    size: u64,
}

struct Reader<'b> {
    bytes: &'b [u8],
    kind: FileKind,
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        if bytes.get(..4)? != b"\x7fELF" {
            return None;
        }
        let wide = match bytes.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let mut file = Self {
            bytes,
            kind: FileKind {
                wide,
                big_endian: *bytes.get(5)? == 2,
                machine: 0,
            },
        };
        file.kind.machine = file.number(18, 2)? as u16;
        Some(file)
    }

    fn number(&self, at: u64, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(usize::try_from(at).ok()?..)?.get(..size)?;
        let add = |n: u64, b: &u8| n << 8 | u64::from(*b);
        Some(if self.kind.big_endian {
            bytes.iter().fold(0, add)
        } else {
            bytes.iter().rev().fold(0, add)
        })
    }

    fn word(&self) -> usize {
        if self.kind.wide { 8 } else { 4 }
    }

    fn segments(&self) -> Option<Vec<Segment>> {
        let wide = self.kind.wide;
        let table = self.number(if wide { 32 } else { 28 }, self.word())?;
        let entry = self.number(if wide { 54 } else { 42 }, 2)?;
        let count = self.number(if wide { 56 } else { 44 }, 2)?;
        let (offset, address, size) = if wide { (8, 16, 32) } else { (4, 8, 16) };
        (0..count)
            .map(|n| {
                let at = table.checked_add(n * entry)?;
                Some(Segment {
                    kind: self.number(at, 4)?,
                    offset: self.number(at + offset, self.word())?,
                    address: self.number(at + address, self.word())?,
                    size: self.number(at + size, self.word())?,
                })
            })
            .collect()
    }

    fn dynamic(&self, segment: &Segment) -> Option<Vec<(u64, u64)>> {
        let word = self.word() as u64;
        let mut entries = Vec::new();
        for n in 0..segment.size / (2 * word) {
            let at = segment.offset.checked_add(n * 2 * word)?;
            let tag = self.number(at, self.word())?;
            if tag == 0 {
                break;
            }
            entries.push((tag, self.number(at + word, self.word())?));
        }
        Some(entries)
    }
}

fn text_of(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|b| *b == 0)?;
    String::from_utf8(bytes[..end].to_vec()).ok()
}

/// Libraries of the loader's cache: name and path, best first for a name.
///
/// **Source:** glibc `sysdeps/generic/dl-cache.h`, *new format*.
pub(super) fn loader_cache(bytes: &[u8]) -> Vec<(String, String)> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    // An old-format cache may stand before the new one.
    let Some(start) = bytes.windows(MAGIC.len()).position(|w| w == MAGIC) else {
        return Vec::new();
    };
    let cache = &bytes[start..];
    let number = |at: usize| -> Option<usize> {
        let bytes: [u8; 4] = cache.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes) as usize)
    };
    let count = number(MAGIC.len()).unwrap_or(0);
    let entry = |n: usize| {
        let at = HEADER + n * ENTRY;
        // Libraries for special processors are left to their own hosts.
        if cache.get(at + 16..at + 24)? != [0; 8] {
            return None;
        }
        let text = |at: usize| cache.get(number(at)?..).and_then(text_of);
        Some((text(at + 4)?, text(at + 8)?))
    };
    (0..count.min(cache.len() / ENTRY))
        .filter_map(entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_a_loader_and_the_c_library() {
        let bytes = std::fs::read("/proc/self/exe").expect("our own file");
        let needs = needs(&bytes).expect("an ELF file");
        // A static test binary would need neither; this workspace links dynamically by default.
        if let Some(interpreter) = &needs.interpreter {
            assert!(interpreter.contains("ld"), "{interpreter}");
            assert!(
                needs.libraries.iter().any(|l| l.starts_with("libc")),
                "{:?}",
                needs.libraries
            );
        }
    }

    #[test]
    fn damaged_files_are_none() {
        let bytes = std::fs::read("/proc/self/exe").expect("our own file");
        assert_eq!(needs(b"#!/bin/sh"), None);
        assert_eq!(needs(&bytes[..40]), None);
        for end in [64, 100, 500, 1000] {
            // Whatever it says of a cut file, it says it without a panic.
            let _ = needs(&bytes[..end]);
        }
        let mut lying = bytes[..4096].to_vec();
        lying[32..40].fill(0xff);
        assert_eq!(needs(&lying), None);
    }
}
