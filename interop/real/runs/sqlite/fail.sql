SELECT count(*) FROM city;
INSERT INTO city(id, name) VALUES (1, 'Oslo again');
SELECT 'never reached';
