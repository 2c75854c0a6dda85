//! Who made the CPU and how its caches are built: the same in both kinds of file.

use vambrace_core::contract::{CACHES, Caches};
use vambrace_core::vendor_hyp::{Implementation, Implementations, MAX_IMPLEMENTATIONS};

use crate::document::{Item, Table};
use crate::error::Error;

/// MIDR_EL1, REVIDR_EL1 and AIDR_EL1.
pub(crate) fn implementation(table: &Table<'_>) -> Result<Implementation, Error> {
    Ok(Implementation {
        midr: table.required("midr")?.hexadecimal()?,
        revidr: table.required("revidr")?.hexadecimal()?,
        aidr: table.required("aidr")?.hexadecimal()?,
    })
}

/// A list of such, each once.
pub(crate) fn implementations(list: &Item<'_>) -> Result<Implementations, Error> {
    let mut implementations = Implementations::new();
    for item in list.list(0..=MAX_IMPLEMENTATIONS)? {
        let implementation = implementation(&item.table(&["midr", "revidr", "aidr"])?)?;
        let added = match implementations.contains(implementation) {
            true => Err(implementation),
            false => implementations.add(implementation),
        };
        added.map_err(|_| item.contradiction("this implementation is there twice: remove one"))?;
    }
    Ok(implementations)
}

/// CLIDR_EL1 and CCSIDR_EL1.
pub(crate) fn caches(table: &Table<'_>) -> Result<Caches, Error> {
    let list = table.required("ccsidr")?.list(CACHES..=CACHES)?;
    let mut sizes = [None; CACHES];
    for (size, item) in sizes.iter_mut().zip(list) {
        *size = match item.present() {
            Some(size) => Some(size.hexadecimal()?),
            None => None,
        };
    }
    Ok(Caches {
        levels: table.required("clidr")?.hexadecimal()?,
        sizes,
    })
}
