import type { BuildCase } from './case.ts';

/**
 * Dockerfiles as projects have them, quick to build: what they install is made up of shell scripts. The same with real base
 * images and packages is in `applications.ts`. None has a `# syntax` line: neither builder reaches a registry here.
 */
export const shapeCases: readonly BuildCase[] = [
  {
    name: 'shape: Spring Boot',
    dockerfile: `FROM busybox AS eclipse-temurin
RUN printf '#!/bin/sh\\necho java "$@"\\n' > /bin/java && chmod +x /bin/java

FROM eclipse-temurin
RUN echo spring:x:100: >> /etc/group && echo spring:x:100:100::/home:/bin/sh >> /etc/passwd
USER spring:spring
VOLUME /tmp
ARG JAR_FILE=target/*.jar
COPY \${JAR_FILE} app.jar
EXPOSE 8080
ENTRYPOINT ["java","-jar","/app.jar"]
`,
    files: { 'target/demo-0.0.1-SNAPSHOT.jar': 'PK jar', 'target/classes/A.class': 'class' },
  },
  {
    name: 'shape: Spring Boot, with layers',
    dockerfile: `FROM busybox AS build
WORKDIR /application
ARG DEPENDENCY=target/dependency
COPY \${DEPENDENCY}/BOOT-INF/lib lib
COPY \${DEPENDENCY}/META-INF META-INF
COPY \${DEPENDENCY}/BOOT-INF/classes .

FROM busybox
ARG DEPENDENCY=/application
COPY --from=build \${DEPENDENCY}/lib /app/lib
COPY --from=build \${DEPENDENCY} /app
ENTRYPOINT ["java","-cp","app:app/lib/*","hello.Application"]
`,
    files: {
      'target/dependency/BOOT-INF/lib/a.jar': 'a',
      'target/dependency/META-INF/MANIFEST.MF': 'm',
      'target/dependency/BOOT-INF/classes/hello/Application.class': 'c',
    },
  },
  {
    name: 'shape: Node, several stages',
    dockerfile: `ARG NODE_VERSION=20
FROM busybox AS base
WORKDIR /usr/src/app
ENV NODE_ENV=production

FROM base AS deps
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm mkdir -p node_modules/express && cp package.json node_modules/express/

FROM deps AS build
COPY . .
RUN mkdir dist && cat src/*.js > dist/server.js

FROM base AS final
USER nobody
COPY package.json .
COPY --from=deps /usr/src/app/node_modules ./node_modules
COPY --from=build --chown=nobody:nogroup /usr/src/app/dist ./dist
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=3s CMD wget -qO- http://localhost:3000/ || exit 1
CMD ["node", "dist/server.js"]
`,
    files: {
      'package.json': '{"name":"x"}',
      'package-lock.json': '{}',
      'src/a.js': 'a',
      'src/b.js': 'b',
      'node_modules/not/this': 'x',
      '.dockerignore': 'node_modules\nnpm-debug.log\n.git\n',
    },
  },
  {
    name: 'shape: Python with a cache mount',
    dockerfile: `FROM busybox
ENV PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1
WORKDIR /code
RUN --mount=type=cache,target=/root/.cache/pip \\
    --mount=type=bind,source=requirements.txt,target=requirements.txt \\
    mkdir -p /usr/lib/python && cp requirements.txt /usr/lib/python/installed
COPY . .
ARG UID=10001
RUN echo "appuser:x:\${UID}:\${UID}::/:/bin/sh" >> /etc/passwd && chown -R appuser /code
USER appuser
EXPOSE 8000
CMD gunicorn 'app:app' --bind=0.0.0.0:8000
`,
    files: {
      'requirements.txt': 'flask\n',
      'app.py': 'app = 1\n',
      '.dockerignore': '**/__pycache__\n',
      '__pycache__/x': '1',
    },
  },
  {
    name: 'shape: a static site on nginx',
    dockerfile: `FROM busybox AS site
WORKDIR /site
COPY content content
RUN mkdir public && for f in content/*.md; do cp "$f" "public/$(basename "$f" .md).html"; done

FROM busybox
LABEL org.opencontainers.image.title="site" \\
      org.opencontainers.image.licenses="Apache-2.0"
RUN mkdir -p /etc/nginx/conf.d /usr/share/nginx/html /var/log/nginx \\
 && ln -sf /dev/stdout /var/log/nginx/access.log \\
 && ln -sf /dev/stderr /var/log/nginx/error.log
COPY nginx.conf /etc/nginx/conf.d/default.conf
COPY --from=site /site/public /usr/share/nginx/html
EXPOSE 80/tcp
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
`,
    files: { 'content/index.md': '# hi', 'content/about.md': 'me', 'nginx.conf': 'server {}\n' },
  },
  {
    name: 'shape: a MariaDB server',
    dockerfile: `FROM busybox
MAINTAINER Learner <learner@example.org>
ENV MYSQL_ROOT_PASSWORD=secret MYSQL_DATABASE=shop
RUN echo mysql:x:999: >> /etc/group && echo mysql:x:999:999::/var/lib/mysql:/bin/sh >> /etc/passwd \\
 && mkdir -p /var/lib/mysql /run/mysqld /docker-entrypoint-initdb.d \\
 && chown -R mysql:mysql /var/lib/mysql /run/mysqld && chmod 1777 /run/mysqld
VOLUME ["/var/lib/mysql"]
ADD init.tgz /docker-entrypoint-initdb.d/
COPY --chmod=0755 docker-entrypoint.sh /usr/local/bin/
RUN ln -s usr/local/bin/docker-entrypoint.sh /entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 3306
CMD ["mysqld"]
`,
    files: { 'init.tgz': 'no archive yet', 'docker-entrypoint.sh': '#!/bin/sh\nexec "$@"\n' },
  },
];
