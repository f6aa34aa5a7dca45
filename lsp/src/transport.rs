//! The client's messages on their way in: what the protocol library does not do about their end.
//!
//! `exit` has to end the program although the client may keep our input open, and some clients send `shutdown` with
//! `params: null`, which the library refuses.

use serde_json::Value;
use std::io::Result;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longer messages are neither `shutdown` nor `exit`, and not worth a look.
const SHORT: usize = 256;

/// How a client took its leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// `exit` after `shutdown`.
    Orderly,
    /// `exit` alone; the protocol wants a failing status for it.
    Abrupt,
    /// It closed our input.
    Closed,
}

/// Passes messages on until the client leaves.
pub(crate) async fn relay(
    mut input: impl AsyncBufRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<Leave> {
    let mut shutdown = false;
    while let Some(body) = message(&mut input).await? {
        let known = (body.len() <= SHORT)
            .then(|| serde_json::from_slice::<Value>(&body).ok())
            .flatten();
        let method = known.as_ref().and_then(|known| known["method"].as_str());
        let body = match (method, &known) {
            (Some("exit"), _) if shutdown => return Ok(Leave::Orderly),
            (Some("exit"), _) => return Ok(Leave::Abrupt),
            (Some("shutdown"), Some(known)) => {
                shutdown = true;
                let mut known = known.clone();
                if let Some(fields) = known.as_object_mut() {
                    fields.shift_remove("params");
                }
                known.to_string().into_bytes()
            }
            _ => body,
        };
        let head = format!("Content-Length: {}\r\n\r\n", body.len());
        output.write_all(head.as_bytes()).await?;
        output.write_all(&body).await?;
    }
    Ok(Leave::Closed)
}

/// The next message's body; `None` at the end of the input, also in the middle of a message.
async fn message(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>> {
    let mut length = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).await? == 0 {
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
    input.take(length).read_to_end(&mut body).await?;
    Ok((body.len() as u64 == length).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bodies: &[&str]) -> Vec<u8> {
        let frame = |body: &&str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
        bodies.iter().map(frame).collect::<String>().into_bytes()
    }

    async fn relayed(input: &[u8]) -> (Leave, String) {
        let mut output = Vec::new();
        let leave = relay(input, &mut output).await.unwrap();
        (leave, String::from_utf8(output).unwrap())
    }

    #[tokio::test]
    async fn exit_ends_the_conversation() {
        let shutdown = r#"{"jsonrpc":"2.0","id":7,"method":"shutdown","params":null}"#;
        let exit = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let (leave, passed) = relayed(&framed(&[shutdown, exit, "never read"])).await;
        assert_eq!(leave, Leave::Orderly);
        assert!(
            passed.ends_with(r#"{"jsonrpc":"2.0","id":7,"method":"shutdown"}"#),
            "{passed}"
        );
        assert_eq!(relayed(&framed(&[exit])).await.0, Leave::Abrupt);
    }

    #[tokio::test]
    async fn everything_else_passes_as_it_is() {
        let bodies = framed(&["{\"method\":\"exit2\"}", "no json", &"x".repeat(1000)]);
        let (leave, passed) = relayed(&bodies).await;
        assert_eq!((leave, passed.as_bytes()), (Leave::Closed, &bodies[..]));
        let (leave, passed) = relayed(b"Content-Length: 99999999999\r\n\r\nshort").await;
        assert_eq!((leave, passed.as_str()), (Leave::Closed, ""));
    }
}
