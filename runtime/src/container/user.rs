//! `USER`: from text and the container's own files to numbers, by Docker's rules. No name service of the host is asked.

use bstr::{BStr, ByteSlice as _};

/// Who a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, without duplicates, sorted.
    pub groups: Vec<u32>,
    /// Home folder, for `HOME`; `/` when nothing says otherwise.
    pub home: String,
}

/// Why a `USER` means nobody.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// Not in `/etc/passwd` and not a number.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    UnknownUser(String),
    /// Not in `/etc/group` and not a number.
    #[error("unable to find group {0}: no matching entries in group file")]
    UnknownGroup(String),
    /// Larger than the kernel's ids, or the one that means "leave it" (CVE-2024-40635).
    #[error("uids and gids must be in range 0-2147483647: `{0}`")]
    Range(String),
}

const LARGEST: u64 = 2_147_483_647;

/// Resolves `user[:group]` against the contents of `/etc/passwd` and `/etc/group` (empty when they are missing).
///
/// A name wins over the same text as a number; an id without entry is fine. Given a group, no supplementary groups are
/// taken; else those that list the user's name.
///
/// **Source:** moby/sys `user.GetExecUser`.
///
/// ```
/// let user = cooperage_runtime::container::resolve_user("app", b"app:x:7:8::/srv:/bin/sh\n", b"disk:x:6:app\n").unwrap();
/// assert_eq!((user.uid, user.gid, user.groups, user.home.as_str()), (7, 8, vec![6], "/srv"));
/// ```
pub fn resolve_user(user: &str, passwd: &[u8], group: &[u8]) -> Result<User, UserError> {
    let (name, group_name) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (user, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let entries: Vec<Entry<'_>> = passwd.lines().filter_map(Entry::parse).collect();
    let number = number(name)?;
    let by_name = entries.iter().find(|entry| entry.name == name.as_bytes());
    let entry = by_name.or_else(|| {
        entries
            .iter()
            .find(|entry| number.is_some_and(|id| entry.id == id))
    });
    let mut result = match (entry, number) {
        (Some(entry), _) => User {
            uid: in_range(entry.id, name)?,
            gid: in_range(entry.gid, name)?,
            groups: Vec::new(),
            home: entry.home.to_string(),
        },
        (None, Some(id)) => User {
            uid: in_range(id, name)?,
            gid: 0,
            groups: Vec::new(),
            home: "/".into(),
        },
        (None, None) => return Err(UserError::UnknownUser(name.to_owned())),
    };
    if result.home.is_empty() {
        result.home = "/".into();
    }
    match group_name {
        Some(text) => result.gid = resolve_group(text, group)?,
        None => result.groups = memberships(entry.map(|entry| entry.name), group),
    }
    Ok(result)
}

/// Resolves one group, a name or a number.
pub fn resolve_group(text: &str, group: &[u8]) -> Result<u32, UserError> {
    let number = number(text)?;
    let found = groups(group)
        .find(|(name, ..)| *name == text.as_bytes())
        .map(|(_, id, _)| id);
    match found.or(number) {
        Some(id) => in_range(id, text),
        None => Err(UserError::UnknownGroup(text.to_owned())),
    }
}

struct Entry<'a> {
    name: &'a BStr,
    id: u64,
    gid: u64,
    home: &'a BStr,
}

impl<'a> Entry<'a> {
    /// `name:password:uid:gid:comment:home:shell`; lines that are not are skipped, as libc does.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.trim().split_str(":");
        let name = fields
            .next()
            .filter(|name| !name.is_empty() && !name.starts_with(b"#"))?;
        let id = fields.nth(1)?.to_str().ok()?.parse().ok()?;
        let gid = fields.next()?.to_str().ok()?.parse().ok()?;
        let home = fields.nth(1).unwrap_or_default();
        Some(Self {
            name: name.as_bstr(),
            id,
            gid,
            home: home.as_bstr(),
        })
    }
}

/// Name, id and members of each line of a group file.
fn groups(text: &[u8]) -> impl Iterator<Item = (&[u8], u64, &[u8])> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split_str(":");
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = fields.nth(1)?.to_str().ok()?.parse().ok()?;
        Some((name, id, fields.next().unwrap_or_default()))
    })
}

fn memberships(name: Option<&BStr>, group: &[u8]) -> Vec<u32> {
    let Some(name) = name else { return Vec::new() };
    let mut ids: Vec<u32> = groups(group)
        .filter(|(_, _, members)| {
            members
                .split_str(",")
                .any(|member| member == name.as_bytes())
        })
        .filter_map(|(_, id, _)| in_range(id, "").ok())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The text as a number, when it is one; too many digits are an error, not a name.
fn number(text: &str) -> Result<Option<u64>, UserError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(value) if (0..=LARGEST as i64).contains(&value) => Ok(Some(value as u64)),
        _ => Err(UserError::Range(text.to_owned())),
    }
}

fn in_range(id: u64, text: &str) -> Result<u32, UserError> {
    u32::try_from(id)
        .ok()
        .filter(|id| u64::from(*id) <= LARGEST)
        .ok_or_else(|| UserError::Range(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\napp:x:1000:1001:App:/srv/app:/bin/sh\n42:x:7:7::/seven:\n";
    const GROUP: &[u8] = b"root:x:0:\nwheel:x:10:root,app\nfloppy:x:11:app\n1001:x:99:\n";

    fn check(text: &str, uid: u32, gid: u32, groups: &[u32], home: &str) {
        let expected = User {
            uid,
            gid,
            groups: groups.to_vec(),
            home: home.into(),
        };
        assert_eq!(resolve_user(text, PASSWD, GROUP), Ok(expected), "{text}");
    }

    #[test]
    fn names_numbers_and_groups() {
        check("", 0, 0, &[10], "/root");
        check("root", 0, 0, &[10], "/root");
        check("app", 1000, 1001, &[10, 11], "/srv/app");
        check("1000", 1000, 1001, &[10, 11], "/srv/app");
        check("app:wheel", 1000, 10, &[], "/srv/app");
        check("app:55", 1000, 55, &[], "/srv/app");
        check("app:", 1000, 1001, &[10, 11], "/srv/app");
        check(":wheel", 0, 10, &[], "/root");
        check("5000", 5000, 0, &[], "/");
        check("5000:6000", 5000, 6000, &[], "/");
        // A name made of digits is a name first.
        check("42", 7, 7, &[], "/seven");
        check("app:1001", 1000, 99, &[], "/srv/app");
        check("2147483647", 2_147_483_647, 0, &[], "/");
    }

    #[test]
    fn nobody() {
        for text in [
            "4294967296",
            "4294967295",
            "2147483648",
            "-1",
            "99999999999999999999",
            "app:4294967296",
        ] {
            assert!(
                matches!(resolve_user(text, PASSWD, GROUP), Err(UserError::Range(_))),
                "{text}"
            );
        }
        assert_eq!(
            resolve_user("ghost", PASSWD, GROUP),
            Err(UserError::UnknownUser("ghost".into()))
        );
        assert_eq!(
            resolve_user("app:ghosts", PASSWD, GROUP),
            Err(UserError::UnknownGroup("ghosts".into()))
        );
        assert_eq!(
            resolve_user("app", b"", b""),
            Err(UserError::UnknownUser("app".into()))
        );
        assert_eq!(
            resolve_user("app", b"app:x:4294967296:1::/:", b""),
            Err(UserError::Range("app".into()))
        );
    }
}
