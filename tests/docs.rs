//! What the documents say of the code is so.

use std::{collections::BTreeSet, fs, path::Path};

fn sources(folder: &Path, into: &mut String) {
    sources_in(folder, &["rs"], into);
}

fn sources_in(folder: &Path, extensions: &[&str], into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources_in(&path, extensions, into);
        } else if path.extension().is_some_and(|it| extensions.iter().any(|one| it == *one)) {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_of_the_failure_catalogue_names_tests_that_exist_or_is_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in [
        "src",
        "tests",
        "testkit",
        "simulation",
        "examples/patch-manager/src",
        "examples/patch-manager/tests",
    ] {
        sources(&root.join(folder), &mut code);
    }
    let mut web = String::new();
    for folder in ["src", "e2e"] {
        let folder = root.join("examples/patch-manager/frontend").join(folder);
        sources_in(&folder, &["ts", "tsx"], &mut web);
    }
    let table = fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let mut rows = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| F")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let row = cells[0].trim_start_matches("| ");
        let tests = cells[3].trim_end_matches(" |");
        assert!(rows.insert(row[1..].parse::<u32>().unwrap()), "{row} stands there twice");
        if tests.starts_with("open") {
            continue;
        }
        for test in tests.split(", ") {
            let name = test.trim_matches('`');
            // The web interface's tests have sentences for names.
            let there = match name.contains(' ') {
                true => web.contains(&format!("test('{name}'")),
                false => code.contains(&format!("fn {name}(")),
            };
            assert!(there, "{row}: there is no test {name}");
        }
    }
    assert_eq!(rows, (1..=133).collect());
}

#[test]
fn every_reason_code_is_one_of_the_documented_vocabulary() {
    let table = include_str!("../docs/reasons.md");
    for reason in healthgate::model::ReasonCode::ALL {
        let row = format!("| `{reason}` | {} |", if reason.observed() { "yes" } else { "no" });
        assert!(table.contains(&row), "{row}");
    }
}

/// The table of metrics and the code's own are the same, both ways; and the code tells each of them.
#[test]
fn the_table_of_metrics_and_the_code_agree() {
    let (_, section) =
        include_str!("../docs/operations.md").split_once("\n## Metrics\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let documented: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| `healthgate_")).collect();
    let row = |metric: &&healthgate::observe::Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let (kind, unit) = (metric.kind.as_str(), metric.unit.as_str());
        format!("| `{}` | {kind} | {unit} | {labels} | {} |", metric.name, metric.meaning)
    };
    let coded: Vec<String> = healthgate::observe::METRICS.iter().map(row).collect();
    assert_eq!(documented, coded);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let definition = include_str!("../src/observe/metric.rs");
    let mut code = String::new();
    sources(&root.join("src"), &mut code);
    let elsewhere =
        code.replace(definition, "").replace(include_str!("../src/observe/sink.rs"), "");
    assert!(elsewhere.len() < code.len());
    // What is put together, such as the name of a database's channel, is no metric.
    let mut names =
        elsewhere.split("\"healthgate_").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(names.find(|name| !name.contains('{')), None, "a metric that stands in no table");
    for around in ["metrics::counter!", "metrics::gauge!", "metrics::histogram!"] {
        assert!(!elsewhere.contains(around), "{around} goes around the table");
    }
    for line in definition.lines().filter(|line| line.contains(" \"healthgate_")) {
        let constant = line.split_whitespace().next().unwrap();
        let uses = [
            format!("{constant}.add("),
            format!("{constant}.set("),
            format!("{constant}.record("),
            format!("Level::new({constant})"),
        ];
        assert!(uses.iter().any(|used| elsewhere.contains(used)), "nothing tells {constant}");
    }
}
