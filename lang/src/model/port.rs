//! Ports of `EXPOSE`. **Source:** BuildKit `frontend/dockerfile/dockerfile2llb`, `convert_expose.go`.

use crate::quote::quote;
use std::net::IpAddr;

/// Ports that services listen on in images of today, with the service.
///
/// **Source:** IANA service name and port number registry; documentation of the images.
pub const SERVICES: &[(u16, &str)] = &[
    (80, "HTTP"),
    (443, "HTTPS"),
    (8080, "HTTP, when not root"),
    (8443, "HTTPS, when not root"),
    (3000, "Node.js, Grafana"),
    (5000, "Flask, OCI registry"),
    (8000, "Python, Django"),
    (22, "SSH"),
    (25, "SMTP"),
    (53, "DNS"),
    (1433, "SQL Server"),
    (1521, "Oracle Database"),
    (1883, "MQTT"),
    (2375, "Docker API"),
    (2379, "etcd"),
    (3306, "MySQL, MariaDB"),
    (4222, "NATS"),
    (5432, "PostgreSQL"),
    (5601, "Kibana"),
    (5672, "AMQP, RabbitMQ"),
    (6379, "Redis"),
    (8086, "InfluxDB"),
    (8200, "Vault"),
    (8500, "Consul"),
    (9000, "MinIO, php-fpm"),
    (9042, "Cassandra"),
    (9090, "Prometheus"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (11211, "memcached"),
    (27017, "MongoDB"),
];

/// The service that usually listens on a port.
pub fn service(port: u16) -> Option<&'static str> {
    SERVICES
        .iter()
        .find(|(number, _)| *number == port)
        .map(|(_, service)| *service)
}

/// One spec `[ip:][host:]container[/proto]` with ranges expanded.
///
/// ```
/// use cooperage_lang::model::port::PortSpec;
/// let spec = PortSpec::parse("8000-8001/UDP").unwrap();
/// assert_eq!(spec.ports, ["8000/udp", "8001/udp"]);
/// assert!(!spec.has_host);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// `80/tcp`, in ascending order of the range.
    pub ports: Vec<String>,
    /// The spec names an IP address or a host port, which `EXPOSE` should not.
    pub has_host: bool,
}

impl PortSpec {
    /// Parses one word of `EXPOSE` after expansion.
    ///
    /// # Errors
    /// The official text.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let (ip, host, container) = split(spec);
        let (port, protocol) = container.split_once('/').unwrap_or((container, ""));
        if port.is_empty() {
            return Err(format!(
                "invalid port: {}: no port specified",
                quote(spec.as_bytes())
            ));
        }
        let protocol = match protocol.to_lowercase().as_str() {
            "" | "tcp" => "tcp",
            "udp" => "udp",
            "sctp" => "sctp",
            _ => {
                let spec = quote(spec.as_bytes());
                return Err(format!("invalid port: {spec}: invalid proto: {protocol}"));
            }
        };
        check_ip(ip)?;
        let (first, last) =
            parse_range(port).ok_or_else(|| format!("invalid containerPort: {port}"))?;
        if !host.is_empty() {
            let (host_first, host_last) =
                parse_range(host).ok_or_else(|| format!("invalid hostPort: {host}"))?;
            // A range of host ports may stand for any one of them.
            if last - first != host_last - host_first && first != last {
                return Err(format!(
                    "invalid ranges specified for container and host Ports: {port} and {host}"
                ));
            }
        }
        let ports = (first..=last).map(|p| format!("{p}/{protocol}")).collect();
        Ok(Self {
            ports,
            has_host: !ip.is_empty() || !host.is_empty(),
        })
    }
}

/// Ports of several specs, in order.
///
/// # Errors
/// The official text for the first bad spec.
pub fn parse_all<S: AsRef<str>>(specs: &[S]) -> Result<Vec<String>, String> {
    let mut ports = Vec::new();
    for spec in specs {
        ports.extend(PortSpec::parse(spec.as_ref())?.ports);
    }
    Ok(ports)
}

/// Splits at the last two colons; an IPv6 address keeps its own.
fn split(spec: &str) -> (&str, &str, &str) {
    let Some((rest, container)) = spec.rsplit_once(':') else {
        return ("", "", spec);
    };
    let (ip, host) = rest.rsplit_once(':').unwrap_or(("", rest));
    (ip, host, container)
}

fn check_ip(ip: &str) -> Result<(), String> {
    let address = match ip.strip_prefix('[') {
        Some(_) => {
            unbracket(ip).map_err(|why| format!("invalid IP address {ip}: address {ip}:: {why}"))?
        }
        None => ip,
    };
    if !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address: {address}"));
    }
    Ok(())
}

/// The text between the brackets. **Source:** Go `net.SplitHostPort`, given `[ip]` and a colon.
fn unbracket(ip: &str) -> Result<&str, &'static str> {
    let inner = &ip[1..];
    let Some((address, rest)) = inner.split_once(']') else {
        return Err("missing ']' in address");
    };
    match rest.chars().next() {
        None if address.contains('[') => Err("unexpected '[' in address"),
        None => Ok(address),
        Some(':') => Err("too many colons in address"),
        Some(_) => Err("missing port in address"),
    }
}

/// `80` or `80-90`.
fn parse_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (parse_port(first)?, parse_port(last)?);
    (first <= last).then_some((first, last))
}

fn parse_port(text: &str) -> Option<u16> {
    // `u16::from_str` would accept a sign.
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_part() {
        for (spec, error) in [
            ("", "invalid port: \"\": no port specified"),
            ("80/", ""),
            ("80/Http", "invalid port: \"80/Http\": invalid proto: Http"),
            ("65536", "invalid containerPort: 65536"),
            ("90-80", "invalid containerPort: 90-80"),
            ("+80", "invalid containerPort: +80"),
            ("x:80", "invalid hostPort: x"),
            ("host:1:80", "invalid IP address: host"),
            (
                "1-3:80-81",
                "invalid ranges specified for container and host Ports: 80-81 and 1-3",
            ),
            (
                "[::1:1:80",
                "invalid IP address [::1: address [::1:: missing ']' in address",
            ),
        ] {
            let found = PortSpec::parse(spec).err().unwrap_or_default();
            assert_eq!(found, error, "{spec}");
        }
        assert!(PortSpec::parse("[::1]:1:80").is_ok_and(|s| s.has_host));
    }
}
