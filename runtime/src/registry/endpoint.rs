//! Where a registry is: from the domain of a reference to scheme, host and port.

use std::fmt;
use std::net::IpAddr;
use url::Url;

/// Scheme, host and port: the unit credentials are bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// Host name or address, lower case; IPv6 in brackets.
    pub host: String,
    /// Port, the scheme's when the URL has none.
    pub port: u16,
}

impl Origin {
    /// The origin of `url`; `None` for anything but http and https.
    pub fn of(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_ascii_lowercase(),
            port: url.port_or_known_default()?,
        })
    }

    /// Whether requests go over TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Host and port behind the domain of a reference: Docker Hub's name is not the name of its server.
///
/// **Source:** distribution reference, `docker.io` normalisation; Docker's registry configuration.
pub fn server_of(domain: &str) -> &str {
    match domain {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    }
}

/// Whether `host` (no port) is a name or address of this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether `host` (no port) is written as an address.
pub fn is_address(host: &str) -> bool {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .is_ok()
}

/// The host of `host[:port]`, brackets of IPv6 kept.
pub fn host_of(server: &str) -> &str {
    match server.rfind(':') {
        Some(at)
            if !server[at..].contains(']')
                && server[at + 1..].bytes().all(|b| b.is_ascii_digit()) =>
        {
            &server[..at]
        }
        _ => server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_loopback() {
        assert_eq!(host_of("localhost:5000"), "localhost");
        assert_eq!(host_of("[::1]:5000"), "[::1]");
        assert_eq!(host_of("[::1]"), "[::1]");
        assert_eq!(host_of("ghcr.io"), "ghcr.io");
        assert!(is_loopback("127.9.9.9") && is_loopback("[::1]") && is_loopback("LOCALHOST"));
        assert!(!is_loopback("localhost.example.org") && !is_loopback("10.0.0.1"));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let of = |s: &str| Origin::of(&Url::parse(s).expect("a URL"));
        assert_eq!(of("https://Example.org/a"), of("https://example.org:443/b"));
        assert_ne!(of("https://example.org/"), of("http://example.org/"));
        assert_ne!(of("https://example.org/"), of("https://example.org:8443/"));
        assert_eq!(of("file:///etc/passwd"), None);
    }
}
