// Sorts random numbers, times it and prints what every run has in common, too.
load("/data/sort.js");
var n = 2000, numbers = [];
for (var i = 0; i < n; i++) numbers.push(Math.floor(Math.random() * 1e6));
var before = Date.now();
var sorted = quicksort(numbers);
console.log("started  " + new Date(before).toISOString());
console.log("smallest " + sorted[0] + ", largest " + sorted[n - 1]);
console.log("in order " + sorted.every((v, i) => i === 0 || sorted[i - 1] <= v));
console.log("took     " + (Date.now() - before) + " ms");
