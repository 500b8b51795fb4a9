DROP TABLE IF EXISTS city;
PRAGMA journal_mode;
CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT, people INTEGER);
INSERT INTO city(name, people) VALUES ('Oslo', 717710), ('Lima', 10092000), ('Accra', 2388000);
CREATE INDEX by_people ON city(people);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2000)
INSERT INTO city(name, people) SELECT 'town ' || i, abs(random()) % 1000 FROM n;
SELECT count(*), max(people) FROM city;
SELECT name, people FROM city ORDER BY people DESC LIMIT 3;
SELECT datetime('now') > '2000-01-01', sqlite_version();
