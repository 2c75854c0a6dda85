//! All registers of a host's fresh vCPUs, as a profile file keeps them.
//!
//! They decide nothing. They are what a monitor would carry from host to host that knows no
//! contract, and what a question comes back to that nobody thought of when the host was there.

use vambrace_core::contract::{HostProfile, VcpuFeatures};
use vambrace_formats::profile::RegisterList;
use vambrace_kvm::sys::{self, Host, VcpuOps as _, VmOps as _};

/// The registers for each of the profile's views, in its order.
pub(super) fn lists(
    host: &impl Host,
    profile: &HostProfile,
) -> Result<Vec<RegisterList>, sys::Error> {
    let views = profile.views.iter();
    views.map(|view| list(host, view.features)).collect()
}

fn list(host: &impl Host, features: VcpuFeatures) -> Result<RegisterList, sys::Error> {
    let vm = host.create_vm(host.capability(sys::Capability::VmIpaSize)?.min(USUAL_BITS))?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(of_kvm(features))?;
    if features.contains(VcpuFeatures::SVE) {
        vcpu.finalize_sve()?;
    }
    let registers = vcpu.register_list()?.into_iter();
    let value = |register: sys::RegisterId| Ok((register.raw(), vcpu.register_bytes(register)?));
    Ok(RegisterList {
        features,
        values: registers.map(value).collect::<Result<_, sys::Error>>()?,
    })
}

fn of_kvm(features: VcpuFeatures) -> sys::VcpuFeatures {
    FEATURES
        .into_iter()
        .filter(|(feature, _)| features.contains(*feature))
        .fold(sys::VcpuFeatures::PSCI_0_2, |all, (_, feature)| {
            all | feature
        })
}

const FEATURES: [(VcpuFeatures, sys::VcpuFeatures); 3] = [
    (VcpuFeatures::SVE, sys::VcpuFeatures::SVE),
    (
        VcpuFeatures::POINTER_AUTHENTICATION,
        sys::VcpuFeatures::PTRAUTH,
    ),
    (VcpuFeatures::PMU, sys::VcpuFeatures::PMU_V3),
];

/// As guests usually have.
const USUAL_BITS: u32 = 40;
