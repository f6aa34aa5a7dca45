//! Hashing of a layer: each file once for itself and once as part of the layer's tar, read only once.

use super::index::{Draft, EntryKind};
use super::tar::{END, padding, push_headers};
use super::{DiffId, LayerError, tree};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Content of one batch of files; also the size of the pieces of larger files.
const BATCH_BYTES: u64 = 1 << 20;
/// Entries of one batch.
const BATCH_ENTRIES: usize = 512;
/// Work below this is done at once: starting threads would take longer.
const SMALL: u64 = 1 << 20;

/// What a reader has made of a batch, in order.
enum Piece {
    /// Bytes of the tar.
    Bytes(Vec<u8>),
    /// The batch is done: digests of its entries in order, zeros for those without content.
    End(Vec<[u8; 32]>),
}

/// Fills in the files' digests and answers with that of the canonical tar.
///
/// Readers take batches in turn and hash each file; this thread puts their pieces in order and hashes the tar.
pub(super) fn hash(root: BorrowedFd<'_>, entries: &mut [Draft]) -> Result<DiffId, LayerError> {
    let mut tar = Sha256::new();
    let batches = batches(entries);
    let readers = if batches.len() < 2 {
        1
    } else {
        thread::available_parallelism()
            .map_or(1, usize::from)
            .min(4)
    };
    let small = entries.iter().map(|e| e.size).sum::<u64>() < SMALL && batches.len() < 2;
    let mut digests = Vec::with_capacity(entries.len());
    if small || readers == 1 {
        for batch in batches {
            digests.extend(read_batch(root, &entries[batch], &mut |bytes| {
                tar.update(&bytes);
                true
            })?);
        }
    } else {
        let shared: &[Draft] = entries;
        thread::scope(|scope| {
            let mut pieces = Vec::new();
            for first in 0..readers {
                let (sender, receiver) = sync_channel(4);
                let own: Vec<_> = batches
                    .iter()
                    .skip(first)
                    .step_by(readers)
                    .cloned()
                    .collect();
                scope.spawn(move || read_batches(root, shared, &own, &sender));
                pieces.push(receiver);
            }
            (0..batches.len())
                .try_for_each(|i| take_batch(&pieces[i % readers], &mut tar, &mut digests))
        })?;
    }
    tar.update(END);
    for (entry, digest) in entries.iter_mut().zip(digests) {
        entry.sha256 = digest;
    }
    Ok(DiffId::new(tar.finalize().into()))
}

/// Writes the canonical tar.
pub(super) fn write_tar<'a>(
    root: BorrowedFd<'_>,
    entries: impl Iterator<Item = super::Entry<'a>>,
    out: &mut dyn Write,
) -> Result<(), LayerError> {
    let mut headers = Vec::new();
    for entry in entries {
        headers.clear();
        push_headers(&mut headers, &entry);
        out.write_all(&headers).map_err(LayerError::Output)?;
        if entry.kind == EntryKind::File {
            read_file(root, entry.path, entry.size, &mut |bytes| {
                out.write_all(bytes)
            })?;
            out.write_all(padding(entry.size))
                .map_err(LayerError::Output)?;
        }
    }
    out.write_all(&END).map_err(LayerError::Output)
}

/// SHA-256 of one file's content.
pub(super) fn hash_file(
    root: BorrowedFd<'_>,
    path: &[u8],
    size: u64,
) -> Result<[u8; 32], LayerError> {
    let mut hash = Sha256::new();
    read_file(root, path, size, &mut |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

/// Parts the entries so that one batch is a fair piece of work.
fn batches(entries: &[Draft]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (i, entry) in entries.iter().enumerate() {
        bytes += entry.size;
        if bytes >= BATCH_BYTES || i - start + 1 >= BATCH_ENTRIES {
            batches.push(start..i + 1);
            (start, bytes) = (i + 1, 0);
        }
    }
    if start < entries.len() {
        batches.push(start..entries.len());
    }
    batches
}

fn read_batches(
    root: BorrowedFd<'_>,
    entries: &[Draft],
    batches: &[Range<usize>],
    to: &SyncSender<Result<Piece, LayerError>>,
) {
    for batch in batches {
        let result = read_batch(root, &entries[batch.clone()], &mut |bytes| {
            to.send(Ok(Piece::Bytes(bytes))).is_ok()
        });
        let failed = result.is_err();
        // A closed channel means that the other side has given up on an error of another reader.
        if to.send(result.map(Piece::End)).is_err() || failed {
            return;
        }
    }
}

fn take_batch(
    from: &Receiver<Result<Piece, LayerError>>,
    tar: &mut Sha256,
    digests: &mut Vec<[u8; 32]>,
) -> Result<(), LayerError> {
    loop {
        match from
            .recv()
            .expect("a reader sends the end of each batch or an error")?
        {
            Piece::Bytes(bytes) => tar.update(bytes),
            Piece::End(mut batch) => {
                digests.append(&mut batch);
                return Ok(());
            }
        }
    }
}

/// Makes the tar bytes of some entries, in pieces; `sink` answers false to stop.
fn read_batch(
    root: BorrowedFd<'_>,
    entries: &[Draft],
    sink: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<Vec<[u8; 32]>, LayerError> {
    let mut piece = Vec::with_capacity(BATCH_BYTES as usize + (BATCH_BYTES as usize >> 2));
    let mut digests = Vec::with_capacity(entries.len());
    for entry in entries {
        push_headers(&mut piece, &entry.entry());
        if entry.kind != EntryKind::File {
            digests.push([0; 32]);
            continue;
        }
        let mut hash = Sha256::new();
        let mut stopped = false;
        read_file(root, &entry.path, entry.size, &mut |bytes| {
            hash.update(bytes);
            piece.extend_from_slice(bytes);
            if piece.len() >= BATCH_BYTES as usize {
                stopped = !sink(std::mem::replace(
                    &mut piece,
                    Vec::with_capacity(BATCH_BYTES as usize),
                ));
            }
            if stopped {
                Err(io::ErrorKind::Interrupted.into())
            } else {
                Ok(())
            }
        })?;
        digests.push(hash.finalize().into());
        piece.extend_from_slice(padding(entry.size));
    }
    if !piece.is_empty() {
        sink(piece);
    }
    Ok(digests)
}

/// Hands a file's content on in pieces. It has to have the size that its entry says.
fn read_file(
    root: BorrowedFd<'_>,
    path: &[u8],
    size: u64,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), LayerError> {
    let mut file = File::from(tree::open_file(root, path).map_err(tree::at("open", path))?);
    let failed = |source| LayerError::File {
        doing: "read",
        path: path.into(),
        source,
    };
    let mut buffer = vec![0; size.clamp(1, 1 << 18) as usize];
    let mut left = size;
    while left > 0 {
        let want = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = file.read(&mut buffer[..want]).map_err(failed)?;
        if n == 0 {
            return Err(failed(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it became shorter while it was read",
            )));
        }
        sink(&buffer[..n]).map_err(LayerError::Output)?;
        left -= n as u64;
    }
    Ok(())
}
