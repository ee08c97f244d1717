<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>nginx and PHP-FPM</title>
<h1 id="greeting"><?= htmlspecialchars(getenv('GREETING') . ', ' . ($_GET['name'] ?? 'world')) ?>!</h1>
<p>said by <?= htmlspecialchars(PHP_SAPI . ' ' . PHP_VERSION) ?> on <?= htmlspecialchars(gethostname()) ?>,
  passed on by <?= htmlspecialchars($_SERVER['SERVER_SOFTWARE']) ?></p>
</html>
