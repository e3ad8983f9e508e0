//! What really goes over a host's wire.
//!
//! Manners are about packets, not about what a program believes that it sent: how many connections it
//! asked for, whether it closed them or cut them. So they are counted on the wire.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvmsg,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};
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
/// As long as any packet with its Ethernet header: Linux lets a loopback have so much, and no link more.
const LONGEST: usize = 65_550;

/// A packet on a host's wire, either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When the kernel had it on the wire, since the capture began: when it is read says how busy the machine is.
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
        let wire = self.namespace_of(host)?.within(|| open().map_err(failed))?;
        let (packets, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (written, end) = (Arc::clone(&packets), Arc::clone(&ended));
        let began = now();
        let thread = thread::Builder::new().spawn(move || {
            let mut frame = vec![0; LONGEST];
            while !end.load(Ordering::Relaxed) {
                // A time-out is how the thread gets to look whether it is to end.
                if let Ok(Some((length, at))) = receive(&wire, &mut frame)
                    && let Some(packet) =
                        frame.get(..length).and_then(|frame| read(frame, at.saturating_sub(began)))
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

/// A packet socket (packet(7)) on the one wire of the namespace, whose packets the kernel stamps.
fn open() -> io::Result<OwnedFd> {
    let wires = getifaddrs()?.filter(|one| {
        one.flags.contains(InterfaceFlags::IFF_UP) && !one.flags.contains(InterfaceFlags::IFF_LOOPBACK)
    });
    let mut links =
        wires.filter_map(|one| one.address.as_ref().and_then(|address| address.as_link_addr().copied()));
    let link: LinkAddr = links.next().ok_or_else(|| io::Error::other("the host has no wire"))?;
    let wire = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
    setsockopt(&wire, sockopt::ReceiveTimestampns, &true)?;
    let patience = TimeVal::milliseconds(i64::try_from(PATIENCE.as_millis()).unwrap_or_default());
    setsockopt(&wire, sockopt::ReceiveTimeout, &patience)?;
    bind(wire.as_raw_fd(), &link)?;
    Ok(wire)
}

/// The next frame: its length, and when the kernel had it, since 1970. `None` where none came for a while.
fn receive(wire: &OwnedFd, frame: &mut [u8]) -> io::Result<Option<(usize, Duration)>> {
    let mut control = cmsg_space!(TimeSpec);
    let mut buffers = [IoSliceMut::new(frame)];
    let message =
        match recvmsg::<LinkAddr>(wire.as_raw_fd(), &mut buffers, Some(&mut control), MsgFlags::empty()) {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
    let stamp = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    Ok(Some((message.bytes, stamp.unwrap_or_else(now))))
}

/// The clock of the kernel's stamps.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
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
