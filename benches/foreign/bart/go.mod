module highwater.example/benches/foreign/bart

go 1.24.0

require github.com/gaissmai/bart v0.0.0

// benches/foreign/run makes this a link to the folder that BART names.
replace github.com/gaissmai/bart => ../../../target/foreign/sources/bart
