// SPDX-License-Identifier: MIT OR Apache-2.0
//! A named run of frames, and in which order it plays them.

/// How a clip runs through its frames.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// First to last.
    #[default]
    Forward,
    /// Last to first.
    Reverse,
    /// There and back; the frames at both ends are shown once a turn.
    PingPong,
    /// Back and there.
    PingPongReverse,
}

impl Direction {
    /// By Aseprite's name: `forward`, `reverse`, `pingpong`, `pingpong_reverse`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "forward" => Self::Forward,
            "reverse" => Self::Reverse,
            "pingpong" => Self::PingPong,
            "pingpong_reverse" => Self::PingPongReverse,
            _ => return None,
        })
    }
}

/// A named run of a sheet's frames: what Aseprite calls a tag.
///
/// ```
/// use dgx_pixels_bevy::{Clip, Direction};
///
/// let walk = Clip { name: "walk".into(), first: 4, last: 6, direction: Direction::PingPong, repeat: 0 };
/// let shown: Vec<_> = (0..6).map(|step| walk.frame(step).unwrap()).collect();
/// assert_eq!(shown, [4, 5, 6, 5, 4, 5]);
/// ```
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Clip {
    /// As in the sheet.
    pub name: String,
    /// The index of its first frame in the sheet.
    pub first: usize,
    /// The index of its last frame, itself included.
    pub last: usize,
    /// The order.
    pub direction: Direction,
    /// How often it plays, 0 = for ever.  Of a ping-pong each direction counts, as in Aseprite.
    pub repeat: u32,
}

impl Clip {
    /// How many frames it has.
    pub fn len(&self) -> usize {
        self.last - self.first + 1
    }

    /// Never: a clip has a frame at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// How many steps it plays, or `None` when it plays for ever.
    pub fn steps(&self) -> Option<usize> {
        let (count, passes) = (self.len(), self.repeat as usize);
        (passes > 0).then(|| match self.direction {
            Direction::Forward | Direction::Reverse => count * passes,
            // A turn does not show its frame twice.
            _ => (count - 1) * passes + 1,
        })
    }

    /// The frame (of the sheet) that step `step` shows, `None` after the last step.
    pub fn frame(&self, step: usize) -> Option<usize> {
        if self.steps().is_some_and(|steps| step >= steps) {
            return None;
        }
        let count = self.len();
        let there_and_back = |step: usize| match count {
            1 => 0,
            _ => {
                let at = step % (2 * count - 2);
                at.min(2 * count - 2 - at)
            }
        };
        Some(match self.direction {
            Direction::Forward => self.first + step % count,
            Direction::Reverse => self.last - step % count,
            Direction::PingPong => self.first + there_and_back(step),
            Direction::PingPongReverse => self.last - there_and_back(step),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(direction: Direction, frames: usize, repeat: u32, steps: usize) -> Vec<Option<usize>> {
        let clip = Clip { name: "c".into(), first: 2, last: 1 + frames, direction, repeat };
        (0..steps).map(|step| clip.frame(step)).collect()
    }

    /// Aseprite's file specification, "Tags Chunk", says what `repeat` means of a ping-pong.
    #[test]
    fn order_and_end_of_every_direction() {
        let some = |frames: &[usize]| frames.iter().map(|&f| Some(f)).collect::<Vec<_>>();
        assert_eq!(shown(Direction::Forward, 3, 0, 5), some(&[2, 3, 4, 2, 3]));
        assert_eq!(shown(Direction::Reverse, 3, 0, 5), some(&[4, 3, 2, 4, 3]));
        assert_eq!(shown(Direction::PingPong, 3, 0, 6), some(&[2, 3, 4, 3, 2, 3]));
        assert_eq!(shown(Direction::PingPongReverse, 3, 0, 6), some(&[4, 3, 2, 3, 4, 3]));
        assert_eq!(shown(Direction::PingPong, 1, 0, 3), some(&[2, 2, 2]));
        assert_eq!(shown(Direction::Forward, 2, 2, 5), [Some(2), Some(3), Some(2), Some(3), None]);
        assert_eq!(shown(Direction::PingPong, 3, 1, 4), [Some(2), Some(3), Some(4), None]);
        assert_eq!(shown(Direction::PingPong, 3, 2, 6), [Some(2), Some(3), Some(4), Some(3), Some(2), None]);
    }
}
