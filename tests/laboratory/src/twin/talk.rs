//! What is heard on a connection once something was said: the truth of services that take connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::connect::connected;
use super::{Host, Twin};
use crate::error::LaboratoryError;

/// What is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// Bytes.
    Answer,
    /// Nothing in time.
    Silence,
    /// The other side's end, in order or by a reset, and no byte before it.
    End,
    /// Nothing was said, since no connection came about.
    NoConnection,
}

impl Twin<'_> {
    /// Connects by TCP from `host` to `target`, from `source_port` (0: any), says `words` and listens for `patience`.
    ///
    /// # Errors
    /// As [`Twin::connect`].
    pub fn talk(
        &self,
        host: &Host,
        source_port: u16,
        target: SocketAddr,
        words: &[u8],
        patience: Duration,
    ) -> Result<Heard, LaboratoryError> {
        self.namespace_of(host)?.within(|| {
            let Ok(socket) = connected(source_port, target, patience)? else {
                return Ok(Heard::NoConnection);
            };
            let mut stream = TcpStream::from(socket);
            let system = |source| LaboratoryError::system("listen on a connection", source);
            stream.set_read_timeout(Some(patience)).map_err(system)?;
            // Where the other side has closed already, reading tells.
            let _ = stream.write_all(words);
            Ok(match stream.read(&mut [0; 64]) {
                Ok(0) => Heard::End,
                Ok(_) => Heard::Answer,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Heard::Silence,
                Err(_) => Heard::End,
            })
        })
    }
}
