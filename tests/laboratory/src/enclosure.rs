//! Entering: from here on the process lives in namespaces of its own.
//!
//! Everything that the laboratory makes must be gone when the process is, killed or not, and nothing of
//! it may touch the machine's own network. A network namespace has a name only by a bind mount; with a
//! mount namespace of its own and a tmpfs on `/run`, the names die with the last process inside, and the
//! namespaces with them. Where the process is not root, a user namespace gives the rights for that. The
//! kernel lets only a process with a single thread enter one, which is why this comes first of all.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use crate::error::LaboratoryError;
use crate::tool::{Tools, run};

/// By which right the process has its namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// It is root on this machine.
    Root,
    /// It is root in a user namespace of its own, where it has a single user id.
    UserNamespace,
}

/// Proof that the process is inside: what twins are built in.
#[derive(Debug)]
pub struct Enclosure {
    pub(crate) tools: Tools,
    right: Right,
}

/// Where `ip netns` keeps its names.
pub(crate) const NAMES: &str = "/run/netns";

impl Enclosure {
    /// Moves the calling process into new mount and network namespaces, in a new user namespace where it
    /// is not root, and brings the new loopback interface up. Call it first in `main`: there must be no
    /// other thread. There is no way back.
    ///
    /// # Errors
    /// [`LaboratoryError::Threaded`], [`LaboratoryError::ToolMissing`],
    /// [`LaboratoryError::NamespacesUnavailable`] with what would help, each before anything is changed;
    /// [`LaboratoryError::System`] where the mounts are refused after that.
    pub fn enter() -> Result<Self, LaboratoryError> {
        let tools = Tools::find()?;
        let threads = threads()?;
        if threads > 1 {
            return Err(LaboratoryError::Threaded { threads });
        }
        let right = enter_namespaces()?;
        // Without this, mounts made below would show on the machine itself.
        mount_call("make mounts private", None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
        mount_call("mount tmpfs on /run", Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty())?;
        // `ip netns add` makes these three at its first use; several at once would race for it.
        fs::create_dir(NAMES).map_err(|source| LaboratoryError::system(format!("mkdir {NAMES}"), source))?;
        mount_call("bind /run/netns", Some(NAMES), NAMES, None, MsFlags::MS_BIND | MsFlags::MS_REC)?;
        mount_call("share /run/netns", None, NAMES, None, MsFlags::MS_SHARED | MsFlags::MS_REC)?;
        run(&tools.ip, &["link", "set", "lo", "up"], "")?;
        Ok(Self { tools, right })
    }

    /// By which right the process is inside.
    #[must_use]
    pub fn right(&self) -> Right {
        self.right
    }
}

fn threads() -> Result<usize, LaboratoryError> {
    let tasks = fs::read_dir("/proc/self/task")
        .map_err(|source| LaboratoryError::system("read /proc/self/task", source))?;
    Ok(tasks.count())
}

fn enter_namespaces() -> Result<Right, LaboratoryError> {
    let own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    // Root of a container may lack the right and still be given a user namespace.
    if geteuid().is_root() && unshare(own).is_ok() {
        return Ok(Right::Root);
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | own).map_err(|source| LaboratoryError::NamespacesUnavailable {
        call: "unshare(user, mount and network namespaces)",
        source,
        help: what_helps(source),
    })?;
    // An ordinary user may map its group only after giving up setgroups (user_namespaces(7)).
    for (file, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ] {
        fs::write(file, text).map_err(|source| LaboratoryError::system(format!("write {file}"), source))?;
    }
    Ok(Right::UserNamespace)
}

/// What a person can do about a refusal, by what this machine shows.
fn what_helps(source: Errno) -> &'static str {
    let setting =
        |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    if setting("/proc/sys/user/max_user_namespaces") == "0" {
        "user namespaces are disabled: run as root, or sysctl user.max_user_namespaces=10000"
    } else if setting("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
        "user namespaces are disabled: run as root, or sysctl kernel.unprivileged_userns_clone=1"
    } else if setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
        "AppArmor restricts user namespaces: run as root, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    } else if source == Errno::ENOSPC {
        "a limit of namespaces is reached: see /proc/sys/user/max_*_namespaces"
    } else if Path::new("/.dockerenv").exists() {
        "run the container with --privileged, or with --cap-add SYS_ADMIN,NET_ADMIN and an open seccomp profile"
    } else {
        "run as root, or allow unprivileged user namespaces"
    }
}

fn mount_call(
    call: &str,
    source: Option<&str>,
    target: &str,
    kind: Option<&str>,
    flags: MsFlags,
) -> Result<(), LaboratoryError> {
    mount(source, target, kind, flags, None::<&str>).map_err(|errno| LaboratoryError::system(call, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test harness itself is a second thread; nothing may be changed then.
    #[test]
    fn a_threaded_process_is_refused() {
        let error = Enclosure::enter().unwrap_err();
        assert!(matches!(error, LaboratoryError::Threaded { threads: 2.. }), "{error}");
    }
}
