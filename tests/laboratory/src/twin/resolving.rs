//! Running a program with a resolver configuration of its own.
//!
//! Programs find their DNS servers in `/etc/resolv.conf`, which belongs to the whole machine. `ip netns
//! exec` would bind files of `/etc/netns` over it, but that folder is the machine's too, and the file may be
//! a link into a `/run` that is another one in here. So the child, which has mounts of its own anyway, gets
//! another `/etc`: links to everything in the true one, and two files that are the twin's.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::dns::DnsServer;
use super::{Host, Twin};
use crate::error::LaboratoryError;

/// What a program finds names by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameFiles {
    /// `/etc/resolv.conf`; none where there is no such file.
    pub resolv_conf: Option<String>,
    /// `/etc/hosts`
    pub hosts: String,
}

impl NameFiles {
    /// The configuration that asks these servers, in this order, and has no names beside `localhost`.
    #[must_use]
    pub fn asking(servers: &[&DnsServer]) -> Self {
        let lines = servers.iter().map(|server| format!("nameserver {}\n", server.address()));
        Self { resolv_conf: Some(lines.collect()), hosts: "127.0.0.1 localhost\n::1 localhost\n".to_owned() }
    }
}

/// On the enclosure's own tmpfs: it goes with the process.
const FOLDER: &str = "/run/peerscope";
/// Where the child keeps the true `/etc`.
const TRUE_ETC: &str = "/run/peerscope/etc";
/// Puts the folder of the second argument in the place of `/etc`, and `/etc` into the first's; the rest
/// is what to run then. Recursive, since a container's `/etc` has mounts in it that cannot be left out.
const SCRIPT: &str = r#"mount --rbind /etc "$1" && mount --bind "$2" /etc && shift 2 && exec "$@""#;

static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Twin<'_> {
    /// As [`Twin::command`], with an `/etc/resolv.conf` and an `/etc/hosts` that only the program sees.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or the files cannot be made.
    pub fn command_resolving(
        &self,
        host: &Host,
        program: impl AsRef<OsStr>,
        names: &NameFiles,
    ) -> Result<Command, LaboratoryError> {
        let folder = make_etc(names)
            .map_err(|source| LaboratoryError::system("make an /etc for a program", source))?;
        let mut command = Command::new(&self.enclosure.tools.ip);
        command.args(["netns", "exec", &self.namespace_of(host)?.name, "sh", "-c", SCRIPT, "sh", TRUE_ETC]);
        command.arg(&folder).args(self.unprivileged()).arg(program);
        Ok(command)
    }
}

/// A folder that looks like `/etc` once that is at [`TRUE_ETC`] and this in its place.
fn make_etc(names: &NameFiles) -> std::io::Result<PathBuf> {
    fs::create_dir_all(TRUE_ETC)?;
    let folder = Path::new(FOLDER).join(FOLDERS.fetch_add(1, Ordering::Relaxed).to_string());
    fs::create_dir(&folder)?;
    for entry in fs::read_dir("/etc")? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if name == "resolv.conf" || name == "hosts" {
            continue;
        }
        // A link stays as it is: it may be relative to /etc, which this will be.
        let leads = fs::read_link(&entry).unwrap_or_else(|_| Path::new(TRUE_ETC).join(&name));
        symlink(leads, folder.join(&name))?;
    }
    if let Some(resolv_conf) = &names.resolv_conf {
        fs::write(folder.join("resolv.conf"), resolv_conf)?;
    }
    fs::write(folder.join("hosts"), &names.hosts)?;
    Ok(folder)
}
