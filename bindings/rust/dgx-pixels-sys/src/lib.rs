// SPDX-License-Identifier: MIT OR Apache-2.0
#![doc = include_str!("../README.md")]
#![allow(non_camel_case_types, non_upper_case_globals, missing_docs)]
// The header's comments come along, and they are not written for rustdoc.
#![allow(rustdoc::all, clippy::all)]

include!("bindings.rs");
