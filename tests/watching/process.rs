//! What a process takes of the machine (proc(5)).

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

/// A child that is ended with this value.
pub(crate) struct Ended(pub(crate) Child);

impl Ended {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// What a process has taken so far.
pub(crate) struct Spent {
    /// Its own time and the kernel's for it.
    pub(crate) time: Duration,
    /// The most memory that it held at any time, in bytes.
    pub(crate) most_memory: f64,
}

impl Spent {
    pub(crate) fn by(id: u32) -> Self {
        let folder = PathBuf::from("/proc").join(id.to_string());
        let stat = fs::read_to_string(folder.join("stat")).unwrap();
        // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks: f64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum();
        let a_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
        let a_second = f64::from(u32::try_from(a_second).unwrap());
        let status = fs::read_to_string(folder.join("status")).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: f64 = most.trim().trim_end_matches(" kB").parse().unwrap();
        Self { time: Duration::from_secs_f64(ticks / a_second), most_memory: kilobytes * 1024.0 }
    }
}
