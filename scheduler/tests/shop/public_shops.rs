//! Public shops: every plan is legal, no bound is above and no plan below what is known.
//!
//! They do not lie in this repository; `MES_SCHEDULING_FAMILIES` names a folder with one folder per
//! family and the tables `best-known.csv` and `measured.csv` (family, instance, lower bound, best known, …).

use std::path::PathBuf;

use scheduler::{Params, Shop, Stop, check_shop, read_job_shop, recount_shop, solve_shop};

/// Families and how far a short search may be from the best known on average, in percent.
const FAMILIES: [(&str, f64); 3] = [("fjsp-brandimarte", 3.0), ("fjsp-hurink", 3.0), ("fjspsdst-fattahi", 1.0)];
const STEPS: u64 = 10_000;

fn folder() -> PathBuf {
    std::env::var_os("MES_SCHEDULING_FAMILIES").expect("MES_SCHEDULING_FAMILIES names the folder").into()
}

struct Public {
    name: String,
    shop: Shop,
    /// The best known lower bound and makespan.
    known: Option<(i64, i64)>,
}

fn shops(family: &str) -> Vec<Public> {
    let table = |name| std::fs::read_to_string(folder().join(name)).unwrap();
    let tables = table("best-known.csv") + &table("measured.csv");
    let mut files: Vec<_> =
        std::fs::read_dir(folder().join(family)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let shop = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let start = format!("{family},{name},");
        let known = tables.lines().filter_map(|line| line.strip_prefix(&start)).find_map(|row| {
            let mut columns = row.split(',').map(|column| column.parse::<i64>().ok());
            columns.next()?.zip(columns.next()?)
        });
        let shop = read_job_shop(&std::fs::read_to_string(&path).unwrap());
        Public { shop: shop.unwrap_or_else(|error| panic!("{name}: {error}")), name, known }
    };
    files.into_iter().map(shop).collect()
}

#[test]
#[ignore = "needs MES_SCHEDULING_FAMILIES, a folder of public instances; optimise the build"]
fn plans_of_public_shops_are_legal_and_no_better_than_possible() {
    for (family, mean_max) in FAMILIES {
        let shops = shops(family);
        assert!(!shops.is_empty(), "no {family}");
        let mut gaps = Vec::new();
        for Public { name, shop, known } in &shops {
            let outcome = solve_shop(shop, &Params { threads: 2, ..Params::default() }, 1, Stop::after(STEPS));
            assert_eq!(check_shop(shop, &outcome.plan), vec![], "{name}");
            assert_eq!(recount_shop(shop, &outcome.plan), outcome.objective, "{name}");
            assert!(outcome.lower_bound <= outcome.objective, "{name}: {outcome:?}");
            if let Some((least, best)) = known {
                assert!(outcome.lower_bound <= *best, "{name}: bound {} above {best}", outcome.lower_bound);
                assert!(outcome.objective >= *least, "{name}: plan {} below {least}", outcome.objective);
                gaps.push((outcome.objective - best) as f64 / *best as f64 * 100.0);
            }
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
        println!("{family}: {} shops, {mean:.2} % above the best known on average", shops.len());
        assert!(mean <= mean_max, "{family}: {mean:.2} %");
    }
}
