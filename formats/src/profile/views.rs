//! The views of a host: the first whole, each other as its differences to the first.

use std::collections::{BTreeMap, BTreeSet};

use vambrace_core::contract::{
    FieldLimit, FieldLimits, ListedRegisters, VIEWS, ValueSet, VcpuFeatures, VectorLengths, View,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};

use super::limit;
use crate::document::{Item, Node, Table, Value};
use crate::error::Error;
use crate::words;

/// Lines by their key: `ID_AA64PFR0_EL1.SVE` and what is said of it.
pub(super) type Lines = Vec<(String, String)>;

pub(super) fn write(views: &[View]) -> Node {
    let first = views.first();
    Node::list(views.iter().enumerate().map(|(index, view)| {
        let base = first.filter(|_| index > 0);
        let registers = overlay(base.map(registers), registers(view));
        let writable = match writable(view) {
            Some(lines) => overlay(base.and_then(writable), lines),
            None => Node::new(Value::Null),
        };
        let fields = overlay(base.map(fields), fields(view));
        Node::table([
            ("features", Node::text(view.features.to_string())),
            (
                "vector-lengths",
                Node::text(view.vector_lengths.to_string()),
            ),
            ("pmu-counters", Node::text(view.pmu_counters.to_string())),
            ("registers", registers),
            ("writable", writable),
            ("fields", fields),
        ])
    }))
}

pub(super) fn read(item: &Item<'_>) -> Result<Vec<View>, Error> {
    let tables = item.list(1..=VIEWS)?;
    let tables: Vec<Table<'_>> = tables
        .iter()
        .map(|table| table.table(&KEYS))
        .collect::<Result<_, _>>()?;
    let names = Names::new();
    let mut views: Vec<View> = Vec::new();
    for table in &tables {
        let base = tables.first().filter(|_| !views.is_empty());
        let view = read_view(table, base, &names)?;
        let features = table.required("features")?;
        if views.is_empty() != view.features.is_empty() {
            return Err(features.contradiction("the first view, and no other, has no features"));
        }
        if views.iter().any(|other| other.features == view.features) {
            return Err(features.contradiction("two views have the same features: remove one"));
        }
        views.push(view);
    }
    Ok(views)
}

/// Features as they are printed: `sve,pmu`, or `none`.
pub(super) fn read_features(item: &Item<'_>) -> Result<VcpuFeatures, Error> {
    let text = item.text()?;
    let known = words::VCPU_FEATURES.iter();
    let named = known.filter(|(name, _)| text.split(',').any(|word| word == *name));
    let features: VcpuFeatures = named.map(|(_, feature)| *feature).collect();
    let seen = VcpuFeatures::SEEN_IN_REGISTERS.contains(features);
    match seen && features.to_string() == text {
        true => Ok(features),
        false => Err(item.bad_value(text, "none, or some of sve,pauth,pmu in this order")),
    }
}

/// What a view says beyond the first: a line that the first has not or has otherwise, and null for
/// one that only the first has.
pub(super) fn overlay(base: Option<Lines>, lines: Lines) -> Node {
    let base: BTreeMap<String, String> = base.unwrap_or_default().into_iter().collect();
    let names: BTreeSet<String> = lines.iter().map(|(name, _)| name.clone()).collect();
    let gone = base.keys().filter(|name| !names.contains(*name)).cloned();
    let gone: Vec<(String, Node)> = gone.map(|name| (name, Node::new(Value::Null))).collect();
    let changed = lines
        .into_iter()
        .filter(|(name, line)| base.get(name) != Some(line))
        .map(|(name, line)| (name, Node::text(line)));
    Node::table(changed.chain(gone))
}

/// The lines of a view: those of the first where it does not say otherwise.
pub(super) fn overlaid<'d>(
    base: Option<&Table<'d>>,
    own: &Table<'d>,
) -> Result<BTreeMap<&'d str, Item<'d>>, Error> {
    let mut lines: BTreeMap<&str, Item<'_>> = base.iter().flat_map(|base| base.entries()).collect();
    for (name, item) in own.entries() {
        match item.clone().present() {
            Some(line) => {
                lines.insert(name, line);
            }
            None if lines.remove(name).is_none() => {
                return Err(item.contradiction("the first view has no such line: remove this one"));
            }
            None => {}
        }
    }
    Ok(lines)
}

fn registers(view: &View) -> Lines {
    let listed = view.registers.iter();
    let listed = listed.filter(|(register, _)| view.listed.contains(*register));
    listed.map(register_line).collect()
}

fn writable(view: &View) -> Option<Lines> {
    let masks = view.writable.as_ref()?.iter();
    let said = masks.filter(|(register, mask)| view.listed.contains(*register) || *mask != 0);
    Some(said.map(register_line).collect())
}

fn register_line((register, value): (IdRegister, u64)) -> (String, String) {
    (register.name().to_owned(), format!("{value:#018x}"))
}

fn fields(view: &View) -> Lines {
    let fields = Field::all().map(|field| (field, view.fields.of(field)));
    let said = fields.filter(|(field, limit)| {
        view.listed.contains(field.register()) || *limit != FieldLimit::fixed(0)
    });
    said.map(|(field, limit)| (field.to_string(), limit::of_field(limit)))
        .collect()
}

/// Every name that a line can have.
struct Names {
    registers: BTreeSet<String>,
    fields: BTreeSet<String>,
}

impl Names {
    fn new() -> Self {
        Self {
            registers: IdRegister::all()
                .map(|register| register.to_string())
                .collect(),
            fields: Field::all().map(|field| field.to_string()).collect(),
        }
    }
}

fn read_view(own: &Table<'_>, base: Option<&Table<'_>>, names: &Names) -> Result<View, Error> {
    let features = read_features(&own.required("features")?)?;
    let section = |name: &str, known: &BTreeSet<String>, what: &str| {
        let base = match base {
            Some(base) => base.required(name)?.present(),
            None => None,
        };
        let base = base.map(|base| base.any_table()).transpose()?;
        let own = own.required(name)?.any_table()?;
        own.check_keys(known, what)?;
        Ok((overlaid(base.as_ref(), &own)?, own))
    };
    let (lines, _) = section(
        "registers",
        &names.registers,
        "the ID registers by their names",
    )?;
    let listed = ListedRegisters::new(|register| lines.contains_key(register.name()));
    let registers = IdRegisters::try_from_fn(|register| match lines.get(register.name()) {
        Some(line) => line.hexadecimal(),
        None => Ok(0),
    })?;
    let writable = match own.required("writable")?.present() {
        None => None,
        Some(_) => {
            let (lines, table) = section(
                "writable",
                &names.registers,
                "the ID registers by their names",
            )?;
            Some(IdRegisters::try_from_fn(|register| {
                match lines.get(register.name()) {
                    Some(line) => line.hexadecimal(),
                    None if listed.contains(register) => Err(table.missing(register.name())),
                    None => Ok(0),
                }
            })?)
        }
    };
    let (lines, table) = section(
        "fields",
        &names.fields,
        "their fields, such as ID_AA64PFR0_EL1.SVE",
    )?;
    Ok(View {
        features,
        registers,
        listed,
        writable,
        fields: read_fields(&lines, &table, &registers, &listed)?,
        vector_lengths: read_vector_lengths(own, features)?,
        pmu_counters: read_pmu_counters(own, features)?,
    })
}

fn read_fields(
    lines: &BTreeMap<&str, Item<'_>>,
    table: &Table<'_>,
    registers: &IdRegisters,
    listed: &ListedRegisters,
) -> Result<FieldLimits, Error> {
    let mut failure = None;
    let read = |field: Field| {
        let name = field.to_string();
        let listed = listed.contains(field.register());
        let Some(line) = lines.get(name.as_str()) else {
            return match listed {
                true => Err(table.missing(&name)),
                // What is not listed reads as 0.
                false => Ok(FieldLimit::fixed(0)),
            };
        };
        let limit = limit::read_field(line, field)?;
        let value = registers.field(field);
        // Values of wider fields are not tried.
        if listed && field.width() <= 4 && !limit.accepted().contains(value) {
            return Err(line.contradiction(format!(
                "the register holds {value} here, which this does not accept: one of the two is \
                 wrong; probe the host again"
            )));
        }
        Ok(limit)
    };
    let limits = FieldLimits::new(|field| match read(field) {
        Ok(limit) => limit,
        Err(error) => {
            failure.get_or_insert(error);
            FieldLimit::default()
        }
    });
    failure.map_or(Ok(limits), Err)
}

fn read_vector_lengths(own: &Table<'_>, features: VcpuFeatures) -> Result<VectorLengths, Error> {
    let item = own.required("vector-lengths")?;
    let text = item.text()?;
    let numbers = text.split(',').filter(|_| !text.is_empty());
    let numbers = numbers.map(|number| number.parse().unwrap_or(0));
    let lengths = words::vector_lengths(numbers)
        .filter(|lengths| lengths.to_string() == text)
        .ok_or_else(|| item.bad_value(text, "vector lengths in bits such as `128,256`"))?;
    match features.contains(VcpuFeatures::SVE) == lengths.is_empty() {
        true => Err(item.contradiction("vector lengths and the feature sve go together")),
        false => Ok(lengths),
    }
}

fn read_pmu_counters(own: &Table<'_>, features: VcpuFeatures) -> Result<ValueSet, Error> {
    let item = own.required("pmu-counters")?;
    let counters = limit::read_values(&item)?;
    match !features.contains(VcpuFeatures::PMU) && !counters.is_empty() {
        true => Err(item.contradiction("there are PMU counters without the feature pmu")),
        false => Ok(counters),
    }
}

const KEYS: [&str; 6] = [
    "features",
    "vector-lengths",
    "pmu-counters",
    "registers",
    "writable",
    "fields",
];
