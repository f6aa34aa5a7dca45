//! Messages on their way in and out: what the protocol library's own transport does not do.
//!
//! A client may send anything: a message that cannot be read gets an error answer and the next one is read, a wrong length
//! costs no memory, `shutdown` may come with `params: null`, and `exit` ends the program although its input stays open.

use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, BufRead, Read, Write};
use tower_lsp::jsonrpc::{Error, Id, Request, Response};

/// What a client sends.
#[derive(Debug)]
pub(crate) enum Message {
    /// A question, or news.
    Request(Request),
    /// An answer to one of our questions.
    Response(Response),
    /// The client leaves.
    Exit,
    /// Something else: what it is answered with.
    Broken(Vec<u8>),
}

impl Message {
    /// Reads a message's body.
    pub(crate) fn parse(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut message) => Self::read(&mut message).unwrap_or_else(|(id, why)| {
                let error = Error {
                    message: why.into(),
                    ..Error::invalid_request()
                };
                broken(&id, &error)
            }),
            Err(why) => {
                let error = Error {
                    message: format!("not JSON: {why}").into(),
                    ..Error::parse_error()
                };
                broken(&Value::Null, &error)
            }
        }
    }

    /// A message; else its id and what is wrong with it.
    fn read(message: &mut Value) -> Result<Self, (Value, &'static str)> {
        if !message.is_object() {
            return Err((Value::Null, "a message is an object"));
        }
        let raw = message["id"].take();
        let id = match &raw {
            Value::Null => None,
            raw => match Id::deserialize(raw) {
                Ok(id) => Some(id),
                Err(_) => return Err((raw.clone(), "an id is a whole number or a string")),
            },
        };
        match (message["method"].take(), id) {
            (Value::String(method), None) if method == "exit" => Ok(Self::Exit),
            (Value::String(method), id) => Ok(Self::Request(request(method, id, message))),
            (Value::Null, Some(id)) => Ok(Self::Response(response(id, message))),
            _ => Err((raw, "a message has a method or an id")),
        }
    }
}

fn request(method: String, id: Option<Id>, message: &mut Value) -> Request {
    let params = message["params"].take();
    // No parameters at all is what the library expects where there are none; lsp-mode of Emacs sends an empty object.
    let none = params.is_null() || method == "shutdown";
    let mut request = Request::build(method);
    if !none {
        request = request.params(params);
    }
    match id {
        Some(id) => request.id(id).finish(),
        None => request.finish(),
    }
}

fn response(id: Id, message: &mut Value) -> Response {
    let result = match message["error"].take() {
        Value::Null => Ok(message["result"].take()),
        error => Err(Error::deserialize(error).unwrap_or_else(|_| Error::invalid_request())),
    };
    Response::from_parts(id, result)
}

fn broken(id: &Value, error: &Error) -> Message {
    let answer = json!({"jsonrpc": "2.0", "id": id, "error": error});
    Message::Broken(answer.to_string().into_bytes())
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
    }

    #[test]
    fn the_end_is_understood() {
        for params in ["null", "{}", "[]"] {
            let shutdown = format!(r#"{{"id":"a","method":"shutdown","params":{params}}}"#);
            let shutdown = Message::parse(shutdown.as_bytes());
            assert!(matches!(shutdown, Message::Request(r) if r.params().is_none()));
        }
        let exit = Message::parse(br#"{"method":"exit"}"#);
        assert!(matches!(exit, Message::Exit));
    }
}
