export const DOCKER_COMPOSE_1: string;
export function fetchDockerCompose1(): Promise<void>;
