//! Challenges and tokens.
//!
//! A registry answers 401 with what it wants; we answer once. A token is kept for its life, for the repository it was
//! made for. Passwords go to the registry itself or to the token server it names, and only when that server passes
//! `check_realm`.

use super::credentials::Credential;
use super::endpoint::{Origin, is_address};
use super::error::RegistryError;
use super::transport::{Hidden, Request, Transport, printable, without_query};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use std::time::{Duration, Instant};
use url::Url;

/// Longest answer of a token server, bytes.
const MAX_TOKEN_BYTES: usize = 1 << 20;

/// Life of a token that names none.
///
/// **Source:** distribution token specification, `expires_in`: 60 seconds.
const DEFAULT_LIFE: u64 = 60;

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password in every request.
    Basic,
    /// A token from `realm`.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// A header that was accepted, and until when it may be used.
#[derive(Clone, Debug)]
pub struct Authorization {
    header: Hidden,
    until: Option<Instant>,
}

impl Authorization {
    /// The header's value, while it is fresh.
    pub fn header(&self) -> Option<HeaderValue> {
        if self.until.is_some_and(|t| t <= Instant::now()) {
            return None;
        }
        let mut value = HeaderValue::from_str(self.header.reveal()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Challenges of an answer, bearer first: it reveals less.
///
/// **Source:** RFC 9110 section 11.6.1; distribution specification, token authentication.
pub fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse_challenges)
        .collect();
    found.sort_by_key(|c| matches!(c, Challenge::Basic));
    found
}

fn parse_challenges(text: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        let (word, after) = rest.split_at(end);
        let after = after.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), found.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, next) = parameter_value(value.trim_start());
                parameters.push((word.to_ascii_lowercase(), value));
                rest = next;
            }
            (Some(_), None) => break,
            (None, _) => {
                found.push((word.to_ascii_lowercase(), Vec::new()));
                rest = after;
            }
        }
    }
    found
        .into_iter()
        .filter_map(|(scheme, parameters)| to_challenge(&scheme, &parameters))
        .collect()
}

fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn to_challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| {
        parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
        }),
        _ => None,
    }
}

/// Answers `challenge` for `scope` at `registry`.
///
/// # Errors
/// [`RegistryError::Unauthorized`] without a usable login, [`RegistryError::Realm`], token server failures.
pub async fn answer(
    transport: &Transport,
    registry: (&str, &Origin),
    challenge: &Challenge,
    scope: &str,
    credential: Option<&Credential>,
) -> Result<Authorization, RegistryError> {
    let (server, origin) = registry;
    let unauthorized = || RegistryError::Unauthorized {
        host: server.to_owned(),
        had_credentials: credential.is_some(),
    };
    match (challenge, credential) {
        (Challenge::Basic, Some(Credential::Basic { user, password })) => Ok(Authorization {
            header: basic_header(user, password),
            until: None,
        }),
        (Challenge::Basic, _) => Err(unauthorized()),
        (Challenge::Bearer { .. }, Some(Credential::Registry { token })) => Ok(Authorization {
            header: Hidden::new(format!("Bearer {}", token.reveal())),
            until: None,
        }),
        (Challenge::Bearer { realm, service, .. }, credential) => {
            let url = check_realm(server, origin, realm, transport)?;
            let request = token_request(url, service.as_deref(), scope, credential);
            let answer = transport.send(&request).await?;
            match answer.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(unauthorized()),
                status if status.is_success() => {}
                status => {
                    return Err(RegistryError::Token {
                        realm: printable(realm),
                        why: format!("status {status}"),
                    });
                }
            }
            read_token(answer)
                .await
                .map_err(|why| RegistryError::Token {
                    realm: printable(realm),
                    why,
                })
        }
    }
}

/// Decides whether the token server a registry names may be asked, possibly with a password.
///
/// It must use TLS unless the registry itself does not. A registry out on the network must not send us to an address or
/// to this machine: that is how a hostile one reaches services only we can reach.
fn check_realm(
    server: &str,
    registry: &Origin,
    realm: &str,
    transport: &Transport,
) -> Result<Url, RegistryError> {
    let refuse = |why| RegistryError::Realm {
        host: server.to_owned(),
        realm: printable(realm),
        why,
    };
    let url = Url::parse(realm).map_err(|_| refuse("it is not a URL"))?;
    let origin = Origin::of(&url).ok_or_else(|| refuse("it is not http or https"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it carries user information"));
    }
    if origin == *registry {
        return Ok(url);
    }
    if !origin.is_secure() {
        if registry.is_secure() {
            return Err(refuse("it does not use TLS"));
        }
        if !transport.plain_allowed(&origin) && origin.host != registry.host {
            return Err(refuse("it does not use TLS and is on another host"));
        }
    }
    let foreign = origin.host != registry.host;
    if foreign && origin.is_loopback() && !registry.is_loopback() {
        return Err(refuse("it is on this machine, the registry is not"));
    }
    if foreign && is_address(&origin.host) && !is_address(&registry.host) && !origin.is_loopback() {
        return Err(refuse("it is a bare address"));
    }
    Ok(url)
}

/// **Source:** distribution token specification; its OAuth2 variant for identity tokens.
fn token_request(
    mut url: Url,
    service: Option<&str>,
    scope: &str,
    credential: Option<&Credential>,
) -> Request {
    if let Some(Credential::Identity { token }) = credential {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token.reveal())
            .append_pair("client_id", "cooper")
            .append_pair("scope", scope);
        if let Some(service) = service {
            form.append_pair("service", service);
        }
        let mut request = Request::get(url);
        request.method = Method::POST;
        request.form = Some(Hidden::new(form.finish()));
        request.follow = false;
        return request;
    }
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", scope);
        if let Some(Credential::Basic { user, .. }) = credential {
            query.append_pair("account", user);
        }
    }
    let mut request = Request::get(url);
    // A token server has no reason to redirect; following would carry the question elsewhere.
    request.follow = false;
    match credential {
        Some(Credential::Basic { user, password }) => {
            match HeaderValue::from_str(basic_header(user, password).reveal()) {
                Ok(value) => request.header(AUTHORIZATION, value),
                Err(_) => request,
            }
        }
        _ => request,
    }
}

fn basic_header(user: &str, password: &Hidden) -> Hidden {
    Hidden::new(format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{}", password.reveal()))
    ))
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

async fn read_token(mut answer: reqwest::Response) -> Result<Authorization, String> {
    let url = without_query(answer.url());
    let mut bytes = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|e| super::transport::chain(&e))?
    {
        if bytes.len() + chunk.len() > MAX_TOKEN_BYTES {
            return Err(format!("the answer of {url} is too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let parsed: TokenAnswer =
        serde_json::from_slice(&bytes).map_err(|_| "it is not the expected JSON".to_owned())?;
    let token = [parsed.token, parsed.access_token]
        .into_iter()
        .flatten()
        .find(|t| !t.is_empty())
        .ok_or_else(|| "there is none in it".to_owned())?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("it holds characters that a header cannot carry".to_owned());
    }
    // A little early, so that it does not end on the way.
    let life = Duration::from_secs(
        parsed
            .expires_in
            .unwrap_or(DEFAULT_LIFE)
            .clamp(1, 24 * 3600),
    )
    .mul_f64(0.9);
    Ok(Authorization {
        header: Hidden::new(format!("Bearer {token}")),
        until: Some(Instant::now() + life),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::transport::TransportOptions;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn challenges_as_servers_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(parse_challenges(hub), [expected]);
        assert_eq!(
            parse_challenges(r#"Basic realm="Registry Realm""#),
            [Challenge::Basic]
        );
        assert_eq!(
            parse_challenges(r#"Basic realm="a, b", Bearer realm = "https://x/\"t",service=s"#),
            [Challenge::Basic, bearer("https://x/\"t", Some("s"), None)]
        );
        assert_eq!(parse_challenges("Negotiate"), []);
        assert_eq!(parse_challenges("="), []);
        assert_eq!(parse_challenges(r#"Bearer service="x""#), []);
    }

    #[test]
    fn realms_that_may_not_see_a_password() {
        let transport = Transport::new(TransportOptions::default());
        let ok = |registry: &str, realm: &str| {
            let origin = Origin::of(&Url::parse(registry).expect("a URL")).expect("an origin");
            check_realm("r", &origin, realm, &transport).is_ok()
        };
        assert!(ok(
            "https://registry-1.docker.io/",
            "https://auth.docker.io/token"
        ));
        assert!(!ok(
            "https://registry-1.docker.io/",
            "http://auth.docker.io/token"
        ));
        assert!(!ok("https://r.example/", "https://127.0.0.1/token"));
        assert!(!ok("https://r.example/", "https://169.254.169.254/latest"));
        assert!(!ok("https://r.example/", "http://127.0.0.1:80/token"));
        assert!(!ok("https://r.example/", "https://u:p@r.example/token"));
        assert!(!ok("https://r.example/", "ftp://r.example/token"));
        assert!(ok("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token"));
        assert!(!ok("http://127.0.0.1:5000/", "http://auth.example/token"));
        assert!(ok("http://127.0.0.1:5000/", "https://auth.example/token"));
    }
}
