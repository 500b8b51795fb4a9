function quicksort(list) {
  if (list.length < 2) return list;
  const [pivot, ...rest] = list;
  return [...quicksort(rest.filter(v => v < pivot)), pivot, ...quicksort(rest.filter(v => v >= pivot))];
}
