//! Results of a build outside the store: `--output type=oci|docker|tar|local`.

use super::rootfs::{self, RootfsError};
use super::save::{SaveError, SaveFormat, SaveImage, SaveTarget, parse_compression, save};
use crate::build::request::{Output, OutputKind};
use crate::store::{ImageRecord, Store};
use cooperage_lang::model::reference::Reference;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a result could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error("`type={0}` needs `dest=`")]
    NoDest(&'static str),
    #[error("`name={0}` is not an image name")]
    Name(String),
    #[error("cannot write `{}`: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error("{0}")]
    Save(#[from] SaveError),
    #[error("{0}")]
    Rootfs(#[from] RootfsError),
}

/// Writes `image` as `output` asks, under `names` or the output's own. Without `dest` an archive goes to `stdout`. Times of
/// files later than `clamp` (seconds since 1970) are set to it where files are written as such. An archive appears whole or
/// not at all. Nothing is to be done for [`OutputKind::Image`].
///
/// # Errors
/// See [`ExportError`].
pub fn export(
    store: &Store,
    (image, names): (&ImageRecord, &[Reference]),
    output: &Output,
    clamp: Option<i64>,
    stdout: &mut dyn Write,
) -> Result<(), ExportError> {
    let format = match output.kind {
        OutputKind::Image => return Ok(()),
        OutputKind::Oci => SaveFormat::Oci,
        OutputKind::Docker => SaveFormat::Docker,
        OutputKind::Tar => {
            return to_file(output.dest.as_deref(), stdout, |out| {
                Ok(rootfs::write_tar(store, &image.layers, clamp, out)?)
            });
        }
        OutputKind::Local => {
            let folder = output.dest.as_deref().ok_or(ExportError::NoDest("local"))?;
            let skipped = rootfs::write_folder(store, &image.layers, clamp, folder)?;
            for path in skipped {
                tracing::warn!(%path, "a device was left out: making it needs root");
            }
            return Ok(());
        }
    };
    let codec = output
        .compression
        .as_deref()
        .map(parse_compression)
        .transpose()?;
    let images = [SaveImage {
        record: image.clone(),
        names: names_of(output, names)?,
    }];
    if output.tar == Some(false) {
        let kind = if format == SaveFormat::Oci {
            "oci"
        } else {
            "docker"
        };
        let folder = output.dest.as_deref().ok_or(ExportError::NoDest(kind))?;
        return Ok(save(
            store,
            &images,
            format,
            codec,
            SaveTarget::Folder(folder),
        )?);
    }
    to_file(output.dest.as_deref(), stdout, |out| {
        Ok(save(
            store,
            &images,
            format,
            codec,
            SaveTarget::Stream(out),
        )?)
    })
}

fn names_of(output: &Output, names: &[Reference]) -> Result<Vec<Reference>, ExportError> {
    let Some(own) = &output.name else {
        return Ok(names.to_vec());
    };
    let parse = |name: &str| {
        let parsed =
            Reference::parse_normalized(name).map_err(|_| ExportError::Name(name.to_owned()))?;
        Ok(parsed.with_default_tag())
    };
    own.split(',').map(parse).collect()
}

/// Runs `write` on a new file that takes its name when it is whole, or on `stdout`.
pub(crate) fn to_file(
    dest: Option<&Path>,
    stdout: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let Some(path) = dest.filter(|path| path.as_os_str() != "-") else {
        return write(stdout);
    };
    let failed = |cause| ExportError::Write {
        path: path.to_owned(),
        cause,
    };
    // Pipes and devices are written to as they are.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return write(&mut File::options().write(true).open(path).map_err(failed)?);
    }
    let name = path
        .file_name()
        .ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    let temporary = path.with_file_name(format!(
        ".{}.{}",
        name.to_string_lossy(),
        std::process::id()
    ));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .map_err(failed)?;
    let done = write(&mut file).and_then(|()| std::fs::rename(&temporary, path).map_err(failed));
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}
