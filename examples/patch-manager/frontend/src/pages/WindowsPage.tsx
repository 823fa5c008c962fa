export default function WindowsPage() {
  return null;
}
