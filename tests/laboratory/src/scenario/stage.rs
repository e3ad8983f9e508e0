//! A world on stage: its twin stands and its service runs.

use crate::enclosure::Enclosure;
use crate::error::LaboratoryError;
use crate::twin::{Host, Listener, ListenerKind, Twin};
use crate::world::{Service, World};

/// A world with its twin. Everything of it goes when this is dropped.
#[derive(Debug)]
pub struct Stage<'e> {
    // Closed before the twin goes.
    listener: Option<Listener>,
    /// The twin.
    pub twin: Twin<'e>,
    /// The world.
    pub world: World,
}

impl<'e> Stage<'e> {
    /// Builds the twin of a world, imposes its conditions and starts what listens on its target.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the twin cannot be built or the port is taken.
    pub fn set(enclosure: &'e Enclosure, world: World) -> Result<Self, LaboratoryError> {
        let mut twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
        for (host, condition) in &world.conditions {
            twin.impose(host, condition.clone())?;
        }
        let listener = match world.service {
            Service::Listening => {
                Some(twin.listen(&world.target(), world.target_address().port(), ListenerKind::Silent)?)
            }
            Service::Closed => None,
        };
        Ok(Self { listener, twin, world })
    }

    /// What listens on the target, where anything does.
    #[must_use]
    pub fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    /// The host that connections come from.
    #[must_use]
    pub fn source(&self) -> Host {
        self.world.source()
    }
}
