//! What PSCI remembers of the machine as a whole, beside the power state of each CPU.

use super::mem_protect::Protection;
use super::suspend_mode::SuspendMode;
use crate::firmware::Firmware;
use crate::vcpu::VcpuId;

/// The state of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Who coordinates power states.
    pub(super) suspend_mode: SuspendMode,
    /// Whether any CPU has called CPU_SUSPEND since the boot or the last change of mode.
    pub(super) suspended: bool,
    /// Whether a reset overwrites RAM.
    pub(super) protection: Protection,
    /// Where the Trusted OS is, if there is one.
    pub(super) resident: Option<VcpuId>,
}

impl State {
    /// As the machine first boots.
    pub(crate) fn new(firmware: &Firmware) -> Self {
        Self {
            suspend_mode: SuspendMode::PlatformCoordinated,
            suspended: false,
            protection: if firmware.protected {
                Protection::On
            } else {
                Protection::Off
            },
            resident: firmware.trusted_os.map(|os| os.resident),
        }
    }

    /// As the machine boots again: memory protection outlasts every reset (DEN0022 §5.1.13).
    pub(crate) fn after_reset(self, firmware: &Firmware) -> Self {
        Self {
            protection: self.protection,
            ..Self::new(firmware)
        }
    }

    /// Does a reset overwrite RAM?
    pub(crate) const fn protects_memory(self) -> bool {
        matches!(self.protection, Protection::On)
    }
}
