//! The contents of `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname` of a container, as values.

use bstr::{BString, ByteSlice as _};

/// `/etc/resolv.conf` for a container, from the host's.
///
/// In a network of its own the host's loopback resolvers cannot be reached and are left out; when none remains, public
/// ones take their place, as with Docker.
///
/// **Source:** moby `libnetwork/internal/resolvconf`.
pub fn resolv_conf(host: &[u8], own_network: bool) -> BString {
    if !own_network {
        return host.into();
    }
    let mut out = BString::default();
    let mut servers = 0;
    for line in host.lines() {
        let mut words = line.fields();
        match (words.next(), words.next()) {
            (Some(b"nameserver"), Some(address)) if is_loopback(address) => continue,
            (Some(b"nameserver"), Some(_)) => servers += 1,
            _ => {}
        }
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    if servers == 0 {
        out.extend_from_slice(b"nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    }
    out
}

fn is_loopback(address: &[u8]) -> bool {
    let text = address.to_str_lossy();
    let bare = text.split('%').next().unwrap_or_default();
    bare.parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

/// `/etc/hosts`: loopback, the container's own name at `address` when it has one, then `extra` names with addresses.
///
/// **Source:** moby `libnetwork/etchosts`.
pub fn hosts(hostname: &str, address: Option<&str>, extra: &[(String, String)]) -> BString {
    use std::fmt::Write as _;
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    for (name, address) in extra {
        let _ = writeln!(text, "{address}\t{name}");
    }
    if let Some(address) = address {
        let _ = writeln!(text, "{address}\t{hostname}");
    }
    text.into()
}

/// `/etc/hostname`.
pub fn hostname(name: &str) -> BString {
    format!("{name}\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_resolvers_stay_outside() {
        let host = b"# made by x\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch lan\noptions ndots:2\n";
        assert_eq!(
            resolv_conf(host, true),
            "# made by x\nnameserver 10.0.0.1\nsearch lan\noptions ndots:2\n"
        );
        assert_eq!(resolv_conf(host, false), host.as_bstr());
        assert_eq!(
            resolv_conf(b"nameserver ::1\nnameserver 127.0.0.1", true),
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
        );
    }

    #[test]
    fn hosts_lines() {
        let text = hosts("box", Some("10.1.2.3"), &[("db".into(), "10.9.9.9".into())]);
        assert!(text.ends_with(b"10.9.9.9\tdb\n10.1.2.3\tbox\n"));
        assert!(text.starts_with(b"127.0.0.1\tlocalhost\n"));
    }
}
