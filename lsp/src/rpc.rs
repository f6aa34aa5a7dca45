//! JSON-RPC 2.0 as the protocol uses it: messages, their framing, and the error codes.
//!
//! Written here and not taken from a crate because a client may send anything: a message that cannot be read gets an
//! error answer and the next one is read, and a wrong length costs no memory. The ready-made transports end instead.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{self, BufRead, Read, Write};

/// Name of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(i64),
    Text(String),
}

/// What a client sends.
#[derive(Debug)]
pub(crate) enum Message {
    Request(Request),
    Notification(Notification),
    Response(Response),
    /// Something else: the error it is answered with.
    Broken(Vec<u8>),
}

/// A question.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: Id,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// News.
#[derive(Debug)]
pub(crate) struct Notification {
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// An answer to one of our questions.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) id: Id,
    pub(crate) result: Result<Value, Error>,
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Error {
    pub(crate) code: i64,
    pub(crate) message: String,
}

/// **Source:** JSON-RPC 2.0, section 5.1; language server protocol 3.17, *ErrorCodes*.
pub(crate) mod code {
    pub(crate) const PARSE: i64 = -32700;
    pub(crate) const INVALID_REQUEST: i64 = -32600;
    pub(crate) const UNKNOWN_METHOD: i64 = -32601;
    pub(crate) const INVALID_PARAMS: i64 = -32602;
    pub(crate) const INTERNAL: i64 = -32603;
    pub(crate) const NOT_INITIALIZED: i64 = -32002;
    pub(crate) const CANCELED: i64 = -32800;
    pub(crate) const CONTENT_MODIFIED: i64 = -32801;
    pub(crate) const FAILED: i64 = -32803;
}

#[derive(Deserialize)]
struct Parts {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<Error>,
}

impl Message {
    /// Reads a message's body.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let parts: Parts = match serde_json::from_slice(body) {
            Ok(parts) => parts,
            Err(error) if error.is_data() => {
                let why = format!("not a message of JSON-RPC 2.0: {error}");
                return Self::broken(Value::Null, code::INVALID_REQUEST, &why);
            }
            Err(error) => {
                return Self::broken(Value::Null, code::PARSE, &format!("not JSON: {error}"));
            }
        };
        let id = parts
            .id
            .as_ref()
            .map(|id| Id::deserialize(id).map_err(|_| id));
        match (id, parts.method) {
            (Some(Err(id)), _) => {
                let why = "an id is a whole number or a string";
                Self::broken(id.clone(), code::INVALID_REQUEST, why)
            }
            (Some(Ok(id)), Some(method)) => Self::Request(Request {
                id,
                method,
                params: parts.params,
            }),
            (None, Some(method)) => Self::Notification(Notification {
                method,
                params: parts.params,
            }),
            (Some(Ok(id)), None) => Self::Response(Response {
                id,
                result: parts.error.map_or(Ok(parts.result), Err),
            }),
            (None, None) => {
                let why = "a message has a method or an id";
                Self::broken(Value::Null, code::INVALID_REQUEST, why)
            }
        }
    }

    fn broken(id: Value, code: i64, message: &str) -> Self {
        let answer =
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}});
        Self::Broken(answer.to_string().into_bytes())
    }
}

/// The body of a notification.
pub(crate) fn notification(method: &str, params: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a, P> {
        jsonrpc: &'static str,
        method: &'a str,
        params: &'a P,
    }
    body(&Body {
        jsonrpc: "2.0",
        method,
        params,
    })
}

/// The body of a request of ours.
pub(crate) fn request(id: &Id, method: &str, params: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a, P> {
        jsonrpc: &'static str,
        id: &'a Id,
        method: &'a str,
        params: &'a P,
    }
    body(&Body {
        jsonrpc: "2.0",
        id,
        method,
        params,
    })
}

/// The body of an answer.
pub(crate) fn answer(id: &Id, result: Result<&impl Serialize, &Error>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a, R> {
        jsonrpc: &'static str,
        id: &'a Id,
        result: &'a R,
    }
    #[derive(Serialize)]
    struct Failure<'a> {
        jsonrpc: &'static str,
        id: &'a Id,
        error: &'a Error,
    }
    let jsonrpc = "2.0";
    match result {
        Ok(result) => body(&Body {
            jsonrpc,
            id,
            result,
        }),
        Err(error) => body(&Failure { jsonrpc, id, error }),
    }
}

fn body(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("string keys only")
}

/// The next message's body; `None` at the end of the input, also in the middle of a message.
pub(crate) fn read(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    // Reads what comes, so that a wrong length costs no memory.
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body)?;
    Ok((body.len() as u64 == length).then_some(body))
}

/// Writes one message.
pub(crate) fn write(output: &mut impl Write, body: &[u8]) -> io::Result<()> {
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(body)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bodies: &[&str]) -> Vec<u8> {
        let mut all = Vec::new();
        for body in bodies {
            write(&mut all, body.as_bytes()).unwrap();
        }
        all
    }

    fn bodies(mut input: &[u8]) -> Vec<String> {
        std::iter::from_fn(|| read(&mut input).unwrap())
            .map(|body| String::from_utf8_lossy(&body).into_owned())
            .collect()
    }

    #[test]
    fn frames_are_cut_by_their_length() {
        let long = "x".repeat(1000);
        assert_eq!(
            bodies(&framed(&["{}", "no json", &long])),
            ["{}", "no json", &long]
        );
        assert_eq!(
            bodies(b"X: y\ncontent-length: 2\n\n{}rubbish\r\n\r\n"),
            ["{}", ""]
        );
        assert_eq!(bodies(b"Content-Length: 99999999999\r\n\r\nshort"), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_answered() {
        let answer = |body: &str| match Message::parse(body.as_bytes()) {
            Message::Broken(answer) => String::from_utf8(answer).unwrap(),
            other => panic!("{other:?}"),
        };
        assert!(answer("{").contains("-32700"));
        assert!(answer("[1]").contains("-32600"));
        assert!(answer("{}").contains("-32600"));
        assert!(answer(r#"{"id":[1],"method":"x"}"#).contains("\"id\":[1]"));
        let shutdown = Message::parse(br#"{"id":"a","method":"shutdown","params":null}"#);
        assert!(matches!(shutdown, Message::Request(r) if r.id == Id::Text("a".to_owned())));
    }
}
