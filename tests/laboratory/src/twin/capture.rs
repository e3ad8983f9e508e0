//! What really goes over a host's wire.
//!
//! Manners are about packets, not about what a program believes that it sent: how many connections it
//! asked for, whether it closed them or cut them. So they are counted on the wire.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pnet_datalink::{Channel, Config, DataLinkReceiver, NetworkInterface};
use pnet_packet::Packet;
use pnet_packet::ethernet::{EtherTypes, EthernetPacket};
use pnet_packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::ipv6::Ipv6Packet;
use pnet_packet::tcp::{TcpFlags, TcpPacket};
use pnet_packet::udp::UdpPacket;

use super::{Host, Twin};
use crate::error::LaboratoryError;

/// How long a capture waits for a packet before it looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(20);

/// A packet on a host's wire, either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When it was read, since the capture began.
    pub at: Duration,
    /// The sender; port 0 where the protocol has none.
    pub source: SocketAddr,
    /// The receiver; port 0 where the protocol has none.
    pub destination: SocketAddr,
    /// The IP protocol number.
    pub protocol: u8,
    /// TCP's flags as its header has them; 0 for other protocols.
    pub flags: u8,
}

impl Captured {
    /// Whether it asks for a connection: SYN without ACK.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.flags & TcpFlags::SYN != 0 && self.flags & TcpFlags::ACK == 0
    }

    /// Whether it closes its direction: FIN.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.flags & TcpFlags::FIN != 0
    }

    /// Whether it cuts the connection: RST.
    #[must_use]
    pub fn resets(&self) -> bool {
        self.flags & TcpFlags::RST != 0
    }
}

/// A capture under way.
#[derive(Debug)]
pub struct Capture {
    packets: Arc<Mutex<Vec<Captured>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Twin<'_> {
    /// Captures every IP packet on the wire of `host`, from now on.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or its wire cannot be opened.
    pub fn capture(&self, host: &Host) -> Result<Capture, LaboratoryError> {
        let failed = |source| LaboratoryError::system("open a capture", source);
        let mut receiver = self.namespace_of(host)?.within(|| {
            let wires = pnet_datalink::interfaces();
            let wire = wires.into_iter().find(|wire| !wire.is_loopback() && wire.is_up());
            let wire = wire.ok_or_else(|| failed(io::Error::other("the host has no wire")))?;
            open(&wire).map_err(failed)
        })?;
        let (packets, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (written, end) = (Arc::clone(&packets), Arc::clone(&ended));
        let thread = thread::Builder::new().spawn(move || {
            let start = Instant::now();
            while !end.load(Ordering::Relaxed) {
                // A time-out is how the thread gets to look whether it is to end.
                if let Ok(frame) = receiver.next()
                    && let Some(packet) = read(frame, start.elapsed())
                {
                    written.lock().unwrap_or_else(PoisonError::into_inner).push(packet);
                }
            }
        });
        Ok(Capture { packets, ended, thread: Some(thread.map_err(failed)?) })
    }
}

impl Capture {
    /// What has been captured, in the order of arrival.
    #[must_use]
    pub fn packets(&self) -> Vec<Captured> {
        // What was sent just now is read a little later.
        thread::sleep(PATIENCE * 2);
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(wire: &NetworkInterface) -> io::Result<Box<dyn DataLinkReceiver>> {
    let config = Config { read_timeout: Some(PATIENCE), ..Config::default() };
    match pnet_datalink::channel(wire, config)? {
        Channel::Ethernet(_, receiver) => Ok(receiver),
        _ => Err(io::Error::other("the wire is not Ethernet")),
    }
}

fn read(frame: &[u8], at: Duration) -> Option<Captured> {
    let frame = EthernetPacket::new(frame)?;
    match frame.get_ethertype() {
        EtherTypes::Ipv4 => {
            let packet = Ipv4Packet::new(frame.payload())?;
            let ends = (packet.get_source().into(), packet.get_destination().into());
            captured(at, ends, packet.get_next_level_protocol(), packet.payload())
        }
        EtherTypes::Ipv6 => {
            let packet = Ipv6Packet::new(frame.payload())?;
            let ends = (packet.get_source().into(), packet.get_destination().into());
            captured(at, ends, packet.get_next_header(), packet.payload())
        }
        _ => None,
    }
}

fn captured(
    at: Duration,
    (source, destination): (IpAddr, IpAddr),
    protocol: IpNextHeaderProtocol,
    payload: &[u8],
) -> Option<Captured> {
    let (ports, flags) = match protocol {
        IpNextHeaderProtocols::Tcp => {
            let tcp = TcpPacket::new(payload)?;
            ((tcp.get_source(), tcp.get_destination()), tcp.get_flags())
        }
        IpNextHeaderProtocols::Udp => {
            let udp = UdpPacket::new(payload)?;
            ((udp.get_source(), udp.get_destination()), 0)
        }
        _ => ((0, 0), 0),
    };
    Some(Captured {
        at,
        source: SocketAddr::new(source, ports.0),
        destination: SocketAddr::new(destination, ports.1),
        protocol: protocol.0,
        flags,
    })
}
