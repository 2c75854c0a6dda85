//! One descriptor chain, read once and checked whole (VIRTIO 1.2 §2.7.4, §2.7.5).

use virtio_queue::DescriptorChain;
use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

use super::Buffers;

/// What the driver made available with one entry of a queue.
#[derive(Debug)]
pub struct Chain<'m> {
    /// To be given back.
    pub head: Head,
    /// What the device reads.
    pub readable: Buffers<'m>,
    /// What the device writes.
    pub writable: Buffers<'m>,
}

/// The name of a chain, by which it is given back: once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a chain that is not given back is lost to the driver"]
pub struct Head(pub(super) u16);

/// A rule that a guest's driver has broken, with nobody left to answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A ring does not lie in RAM, or not at a multiple of its alignment, or its size is none.
    #[error("its queue {0} cannot be: its size, a ring's alignment or a ring's place is wrong")]
    Rings(usize),
    /// The ring says that more was made available than it has room for.
    #[error("it made more available than its queue {0} has entries")]
    Available(usize),
    /// There is no such descriptor, or a chain without end, outside RAM, or indirect twice.
    #[error(
        "a chain of its queue {0} leaves the descriptor table or RAM, has no end, is longer than \
         4 GiB, or is indirect within an indirect one"
    )]
    Chain(usize),
    /// What the device reads comes after what it writes.
    #[error("a chain of its queue {0} has readable buffers after writable ones")]
    Order(usize),
    /// The chain is too short to say what went wrong.
    #[error("a chain of its queue {0} has no room for the answer")]
    NoAnswer(usize),
}

impl<'m> Chain<'m> {
    /// Reads the chain of the queue with this number. No chain has more than `limit` descriptors:
    /// the most that the queue may have, because a driver that made the queue smaller may still
    /// name as many as the device has told it in an indirect table.
    pub(super) fn read(
        queue: usize,
        limit: u16,
        descriptors: DescriptorChain<&'m GuestMemoryMmap>,
        memory: &'m GuestMemoryMmap,
    ) -> Result<Self, Malformed> {
        let mut chain = Self {
            head: Head(descriptors.head_index()),
            readable: Buffers::default(),
            writable: Buffers::default(),
        };
        let mut writable = false;
        // The iterator ends early, without a word, where a descriptor cannot be followed.
        let mut continues = true;
        for descriptor in descriptors.take(limit.into()) {
            continues = descriptor.has_next();
            if writable && !descriptor.is_write_only() {
                return Err(Malformed::Order(queue));
            }
            writable = descriptor.is_write_only();
            if descriptor.len() == 0 {
                continue;
            }
            let GuestAddress(address) = descriptor.addr();
            let length = usize::try_from(descriptor.len()).map_err(|_| Malformed::Chain(queue))?;
            let piece = memory
                .get_slice(GuestAddress(address), length)
                .map_err(|_| Malformed::Chain(queue))?;
            match writable {
                true => chain.writable.push(piece),
                false => chain.readable.push(piece),
            }
        }
        match continues {
            true => Err(Malformed::Chain(queue)),
            false => Ok(chain),
        }
    }
}
