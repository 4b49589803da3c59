//! Runs of runs: how far repeated ones lie apart (`repeat`), and the highest load that a requirement
//! still holds at (`capacity`, `curve`). Pure: whoever calls makes the runs.

pub mod capacity;
pub mod curve;
pub mod repeat;
