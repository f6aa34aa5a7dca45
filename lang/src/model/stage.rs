//! The graph of stages: which name means which stage, what needs what, and whether a stage needs itself.
//!
//! **Source:** BuildKit `dockerfile2llb/convert.go` (`dispatchStates`), `validations.go` (`validateCircularDependency`).

use std::collections::HashMap;

/// Names given to stages so far. Declaring a name again makes it mean the newer stage.
#[derive(Clone, Debug, Default)]
pub struct StageNames {
    by_name: HashMap<String, usize>,
}

impl StageNames {
    /// Gives the stage at `index` a name.
    pub fn declare(&mut self, name: &str, index: usize) {
        self.by_name.insert(name.to_lowercase(), index);
    }

    /// The stage a `FROM` line with this expanded base means: the exact name, which is always lowercase.
    pub fn base(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The stage that `--from`, a mount or `--target` means: any case.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_lowercase()).copied()
    }
}

/// That one stage needs another, because of `T` (an instruction, say).
#[derive(Clone, Debug)]
pub struct Need<T> {
    /// Index of the needed stage.
    pub on: usize,
    /// Why.
    pub cause: T,
}

/// A ring of needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle<T> {
    /// The stage from which the ring was found.
    pub stage: usize,
    /// The causes along the way.
    pub causes: Vec<T>,
}

/// Finds a stage that needs itself, searching from each in order.
pub fn find_cycle<T: Clone>(needs: &[Vec<Need<T>>]) -> Option<Cycle<T>> {
    let mut state = vec![Mark::New; needs.len()];
    (0..needs.len()).find_map(|stage| {
        let mut causes = Vec::new();
        visit(stage, needs, &mut state, &mut causes).then_some(Cycle { stage, causes })
    })
}

/// The stages that can be reached from `from` over `edges`, itself included.
pub fn reachable(from: usize, count: usize, edges: impl Fn(usize) -> Vec<usize>) -> Vec<bool> {
    let mut seen = vec![false; count];
    let mut todo = vec![from];
    while let Some(stage) = todo.pop() {
        if !std::mem::replace(&mut seen[stage], true) {
            todo.extend(edges(stage));
        }
    }
    seen
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Depth first with an explicit stack, since a file may hold thousands of stages in a chain.
fn visit<T: Clone>(
    start: usize,
    needs: &[Vec<Need<T>>],
    state: &mut [Mark],
    causes: &mut Vec<T>,
) -> bool {
    if state[start] != Mark::New {
        return false;
    }
    state[start] = Mark::Open;
    let mut stack = vec![(start, 0)];
    while let Some((stage, next)) = stack.last_mut() {
        let Some(need) = needs[*stage].get(*next) else {
            state[*stage] = Mark::Done;
            stack.pop();
            causes.pop();
            continue;
        };
        *next += 1;
        match state[need.on] {
            Mark::Open => {
                causes.push(need.cause.clone());
                return true;
            }
            Mark::New => {
                causes.push(need.cause.clone());
                state[need.on] = Mark::Open;
                stack.push((need.on, 0));
            }
            Mark::Done => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(edges: &[&[usize]]) -> Vec<Vec<Need<usize>>> {
        edges
            .iter()
            .map(|to| {
                to.iter()
                    .map(|on| Need {
                        on: *on,
                        cause: *on,
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn finds_rings_and_only_rings() {
        assert_eq!(find_cycle(&needs(&[&[], &[0], &[0, 1]])), None);
        assert_eq!(
            find_cycle(&needs(&[&[0]])),
            Some(Cycle {
                stage: 0,
                causes: vec![0]
            })
        );
        assert_eq!(
            find_cycle(&needs(&[&[], &[2], &[1]])),
            Some(Cycle {
                stage: 1,
                causes: vec![2, 1]
            })
        );
        assert_eq!(
            find_cycle(&needs(&[&[1], &[2], &[], &[0, 3]])),
            Some(Cycle {
                stage: 3,
                causes: vec![3]
            })
        );
    }

    #[test]
    fn later_names_win_and_lookup_by_base_is_exact() {
        let mut names = StageNames::default();
        names.declare("build", 0);
        names.declare("build", 2);
        assert_eq!(names.base("build"), Some(2));
        assert_eq!(names.base("Build"), None);
        assert_eq!(names.find("BUILD"), Some(2));
    }

    #[test]
    fn reaches_what_is_needed() {
        let edges = [vec![], vec![0], vec![1], vec![]];
        assert_eq!(
            reachable(2, 4, |i| edges[i].clone()),
            [true, true, true, false]
        );
    }
}
