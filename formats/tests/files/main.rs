//! Contracts and profiles as whole files: what is written is read, and what is wrong is refused.

mod bad_contracts;
mod bad_profiles;
mod golden;
mod random;
mod round_trips;
