//! How overlayfs writes deletions into a folder, as root and inside a user namespace.

use std::sync::OnceLock;

/// Names of overlayfs' extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverlayXattrs {
    /// Value `y` on a folder that hides the one below.
    pub opaque: &'static str,
    /// Whether the overlay has to be mounted with `userxattr`.
    pub userxattr: bool,
}

/// The names for this process: `trusted.*` needs the initial user namespace, elsewhere `user.*` is used.
///
/// **Source:** kernel documentation, `filesystems/overlayfs`, *User xattr*.
pub fn overlay_xattrs() -> OverlayXattrs {
    static ANSWER: OnceLock<OverlayXattrs> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        if initial_namespace() {
            OverlayXattrs {
                opaque: "trusted.overlay.opaque",
                userxattr: false,
            }
        } else {
            OverlayXattrs {
                opaque: "user.overlay.opaque",
                userxattr: true,
            }
        }
    })
}

/// An initial namespace maps all ids to themselves.
fn initial_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Folders of `layers` (bottom first) for an overlay mount: top first, each once.
///
/// A layer that comes twice is the same change made again: where it stands uppermost it hides what it does below, and the
/// kernel refuses one folder in two places (`ELOOP`).
pub(super) fn overlay_folders(layers: &[super::Layer]) -> Vec<std::path::PathBuf> {
    let mut seen = std::collections::HashSet::new();
    let top_first = layers
        .iter()
        .rev()
        .filter(|layer| seen.insert(layer.diff_id));
    top_first.map(|layer| layer.dir.clone()).collect()
}
