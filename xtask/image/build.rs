//! Places the image that runs in the RAM of QEMU's `virt` board, above its device tree.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bin=counts_core=--image-base=0x40200000");
}
